import Testing

@testable import Simulator

@Suite struct NumberTextTests {
    @Test func roundsToTheDecimalsThatAreAskedFor() {
        #expect(decimalText(46.25, places: 1) == "46.3")
        #expect(decimalText(0.05, places: 2) == "0.05")
        #expect(decimalText(-1.004, places: 2) == "-1.00")
        #expect(decimalText(-0.004, places: 2) == "0.00")
        #expect(decimalText(99.95, places: 0) == "100")
        #expect(decimalText(.infinity, places: 1) == "–")
    }

    @Test func keepsThreeDigitsOrAllThatAreWhole() {
        #expect(figureText(4.619) == "4.62")
        #expect(figureText(9.996) == "10.0")
        #expect(figureText(46.19) == "46.2")
        #expect(figureText(99.96) == "100")
        #expect(figureText(1_098_055.6) == "1,098,056")
        #expect(groupedText(-1_000) == "-1,000")
        #expect(groupedText(999) == "999")
    }

    @Test func takesLogarithms() {
        for (value, logarithm) in [(1.0, 0.0), (10, 1), (1e6, 6), (2, 0.30103), (0.1, -1)] {
            #expect(abs(decimalLogarithm(value) - logarithm) < 1e-5)
        }
    }
}
