/// The prose of the manual page.
enum ManPageText {
    static let head = """
        .Dd January 1, 2026
        .Dt SWARM 1
        .Os
        .Sh NAME
        .Nm swarm
        .Nd share files over BitTorrent

        """

    static let description = """
        .Sh DESCRIPTION
        .Nm
        makes torrents, serves their content, fetches it, and looks into torrents.
        It speaks version 1 and version 2 of the protocol and hybrids of both.
        .Pp
        Results are written to standard output; progress, warnings and errors to standard error.
        On a terminal progress is a block that is redrawn in place, in a pipe a line every few
        seconds.

        """

    static let values = """
        .Sh VALUES
        .Bl -tag -width Ds
        .It Ar size
        A number with
        .Li k , M , G , T
        or
        .Li KiB , MiB , GiB , TiB
        for powers of 1024, or
        .Li kB , MB , GB , TB
        for powers of 1000: 16k, 10MiB, 1.5G.
        .It Ar rate
        A size for each second, with or without
        .Li /s ,
        or bits a second with
        .Li kbit , mbit , gbit :
        5MB/s, 80mbit.
        0 and
        .Li none
        are no limit.
        .It Ar duration
        A number with
        .Li s , m , h , d
        or
        .Li w ,
        or several: 90s, 1h30m.
        A number alone is seconds.
        .It Ar glob
        .Li *
        and
        .Li \\&?
        stand for characters of a name,
        .Li [a-z]
        and
        .Li [!a-z]
        for one that is or is not among these,
        .Li **
        for any folders.
        A pattern without a slash is matched with the names along the path, one with a slash with
        the path from the top of the torrent; both take everything below a folder that matches.
        .It Ar host:port
        An IPv6 address stands in brackets: [2001:db8::1]:6881.
        .El

        """

    static let environment = """
        .Sh ENVIRONMENT
        Every long option can be given as a variable: its name in capitals, with
        .Li _
        for
        .Li \\- ,
        after
        .Ev SWARM_ ;
        .Ev SWARM_UP_LIMIT
        is
        .Fl \\-up-limit .
        Options on the command line win.
        A switch is on unless its variable is empty or
        .Li 0 , no , off , false .
        Options that can be repeated take values separated by spaces or, if there is one, by line
        breaks.
        .Bl -tag -width Ds
        .It Ev NO_COLOR
        If it is not empty, no colours are used unless
        .Fl \\-color Ar always
        is given.
        .It Ev LC_ALL , LC_CTYPE , LANG
        Blocks and arrows are drawn where the locale's characters are UTF\\-8.
        .It Ev TERM
        If it is
        .Li dumb
        or not set, nothing is redrawn in place.
        .El

        """

    static let output = """
        .Sh OUTPUT FOR PROGRAMS
        With
        .Fl \\-json
        a command writes one JSON object on one line.
        An error is an object on standard error:
        .Bd -literal -offset indent
        {"error":{"code":4,"message":"T.torrent: no such file or directory"}}
        .Ed

        """

    static let tail = """
        .Sh EXAMPLES
        Complete commands in bash:
        .Dl swarm completions bash > /etc/bash_completion.d/swarm

        """
}
