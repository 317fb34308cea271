package program

import (
	"regexp"
	"strconv"
)

// maxVerbose is our most talkative level; mhVTL counts to 9.
const maxVerbose = 3

var verbosity = regexp.MustCompile(`^-v([0-9]*)$`)

// habits turns the options of mhVTL's daemons into ours, so that its unit files
// and habits go on to work: -F (we are always in the foreground), -d, -v and -vN.
// What stands behind -- is left alone.
func habits(args []string) []string {
	var out []string
	for i, a := range args {
		m := verbosity.FindStringSubmatch(a)
		switch {
		case a == "--":
			return append(out, args[i:]...)
		case a == "-F":
		case a == "-d":
			out = append(out, "--verbose", strconv.Itoa(maxVerbose))
		case m != nil && m[1] == "":
			out = append(out, "--verbose", "2")
		case m != nil:
			n, err := strconv.Atoi(m[1])
			if err != nil {
				n = maxVerbose
			}
			out = append(out, "--verbose", strconv.Itoa(min(n, maxVerbose)))
		default:
			out = append(out, a)
		}
	}
	return out
}
