/// The version of the program, as its peer id says it too.
public let programVersion = "0.1.0"
