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
        .Cm add , list , info , files , peers , trackers , why , top , pause , resume , remove ,
        .Cm move , rename , export , queue , limit , label , category , group , recheck ,
        .Cm reannounce , stats , config set
        and
        .Cm config unset
        speak to the daemon.
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
        A slash at the end lets a pattern match folders only.
        .It Ar torrent
        To the commands that speak to the daemon a torrent is the number that
        .Cm list
        shows, its info-hash or the beginning of that, four digits at least, or its whole name.
        A range as 3-7 is all that there are of these numbers, and
        .Li all
        is all.
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
        .It Ev SWARM_PASSWORD
        The password to show to the daemon, unless there is a
        .Fl \\-token\\-file .
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
        a command writes one JSON object on one line;
        .Cm seed
        and
        .Cm fetch
        write one object a line, each with the member
        .Li event :
        .Bl -tag -width Ds
        .It Li created
        .Cm seed
        made a torrent:
        .Li torrent , name , info_hash , size , magnet .
        .It Li seeding
        The content is there and is served:
        .Li port , magnet .
        .It Li fetching_metadata
        Peers are asked what a link or an info-hash names.
        .It Li metadata
        It is known:
        .Li name , size , files , version , private .
        .It Li started
        A fetch begins with nothing.
        .It Li resumed
        A fetch goes on:
        .Li bytes_done
        are there, of which
        .Li rehashed_bytes
        had to be hashed again.
        This or
        .Li started
        is the first event of a fetch of a torrent that is known.
        .It Li progress
        Once a second, unless
        .Fl \\-no\\-progress
        is given:
        .Li state , bytes_wanted , bytes_done
        (of the metadata while the state is
        .Li fetching_metadata ) ,
        .Li download_rate , upload_rate
        (bytes a second),
        .Li peers , seeds , seconds_left , ratio .
        .It Li tracker_failed , tracker_warning
        What a tracker said:
        .Li url , message .
        .It Li hash_failed , peer_banned
        A piece was not what the torrent describes, and who sent it.
        .It Li completed
        All that is wanted is on disk:
        .Li path , size , downloaded , uploaded , seconds .
        .El
        .Pp
        .Cm dht node
        writes
        .Li started
        with
        .Li port , endpoints , ids ,
        and then now and again
        .Li status
        with
        .Li nodes , joined , external , counters .
        The other commands of
        .Cm dht
        write one object when they are done; with
        .Fl \\-trace
        each family of its
        .Li results
        has a
        .Li trace .
        .Pp
        The commands that speak to the daemon write one object with the member
        .Li torrents ,
        whose members are named as in the daemon's own API, with sizes in bytes, rates in bytes a
        second, and times in seconds since 1970;
        .Cm add
        writes one for each torrent, and with
        .Fl \\-wait
        one more with the event
        .Li completed .
        .Pp
        An error is an object on standard error:
        .Bd -literal -offset indent
        {"error":{"code":4,"message":"T.torrent: no such file or directory"}}
        .Ed
        .Sh THE COMMAND AFTER A FETCH
        The shell,
        .Pa /bin/sh ,
        reads the command of
        .Fl \\-on\\-complete
        as it was written.
        What the torrent says about itself comes to it in these variables only:
        .Ev SWARM_TORRENT_NAME , SWARM_TORRENT_HASH , SWARM_TORRENT_DIR , SWARM_TORRENT_PATH ,
        .Ev SWARM_TORRENT_BYTES , SWARM_TORRENT_BYTES_DOWNLOADED , SWARM_TORRENT_FILES ,
        .Ev SWARM_TORRENT_PRIVATE , SWARM_TORRENT_TRACKERS ,
        and those that scripts for Transmission know:
        .Ev TR_APP_VERSION , TR_TIME_LOCALTIME , TR_TORRENT_BYTES_DOWNLOADED , TR_TORRENT_DIR ,
        .Ev TR_TORRENT_HASH , TR_TORRENT_ID , TR_TORRENT_LABELS , TR_TORRENT_NAME ,
        .Ev TR_TORRENT_PRIORITY , TR_TORRENT_TRACKERS .
        The program ends when the command has; if the command fails, with status 1.
        .Sh SIGNALS
        SIGINT, SIGTERM and SIGHUP end
        .Cm seed
        and
        .Cm fetch
        in order: trackers are told, and the state is saved.
        A SIGINT after that ends at once.
        .Cm daemon
        reads its settings again at SIGHUP, and at SIGUSR1 writes into its log, whatever its level,
        what its torrents, peers, disks and descriptors are at, and which of its parts do not
        answer.

        """

    static let tail = """
        .Sh FILES
        .Bl -tag -width Ds
        .It Pa $XDG_STATE_HOME/swarm , ~/.local/state/swarm
        What is remembered of downloads.
        .It Pa dht.dat
        In that folder: our ids in the DHT, and nodes to begin with.
        .It Pa NAME.part
        A file that is not whole yet; it gets its name when it is.
        .El
        .Sh EXAMPLES
        Share a folder; the link that is written is for whoever is to have it:
        .Dl swarm seed Holiday
        .Pp
        Fetch it by that link; without a tracker the DHT finds who has it:
        .Dl swarm fetch 'magnet:?xt=urn:btih:...&dn=Holiday'
        .Pp
        See what a link names, and keep its torrent:
        .Dl swarm fetch \\-\\-list \\-\\-save\\-torrent Holiday.torrent 'magnet:?xt=urn:btih:...'
        .Pp
        Share a folder with the help of a tracker:
        .Dl swarm seed \\-t https://tracker.example/announce Holiday
        .Pp
        Fetch two of the files of a torrent, and leave:
        .Dl swarm fetch Holiday.torrent \\-\\-files 1,3 \\-o downloads
        .Pp
        Seed until twice of it was sent, a day at most:
        .Dl swarm fetch Holiday.torrent \\-\\-ratio 2 \\-\\-seed\\-time 1d
        .Pp
        Move trackers without making another torrent:
        .Dl swarm edit \\-t https://new.example/announce Holiday.torrent
        .Pp
        Be the first node of a private network, and ask it:
        .Dl swarm dht node \\-\\-bind 10.0.0.1
        .Dl swarm dht put hello \\-\\-dht\\-bootstrap 10.0.0.1:6881
        .Pp
        Have the daemon fetch something, and wait for it:
        .Dl swarm add \\-\\-label film \\-\\-wait 'magnet:?xt=urn:btih:...'
        .Pp
        See what it is doing, and why one torrent is slow:
        .Dl swarm list \\-\\-state active \\-\\-sort down
        .Dl swarm why 7
        .Pp
        Let three torrents seed until they have given twice what they took, and all of the daemon
        send no more than 2 MiB a second:
        .Dl swarm limit 3\\-5 \\-\\-ratio 2
        .Dl swarm limit \\-\\-up 2M
        .Pp
        Give all that is of a category its own folder, and move all torrents to another tracker:
        .Dl swarm category set films \\-\\-folder /srv/films
        .Dl swarm trackers all \\-\\-replace http://a.example \\-\\-with http://b.example
        .Pp
        Complete commands in bash:
        .Dl swarm completions bash > /etc/bash_completion.d/swarm

        """
}
