package scsitest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Outcomes is what the transcripts of some directories show of each command, by
// the name that its table gives it.
type Outcomes struct {
	Good    map[string]bool // it ended with GOOD
	Refused map[string]bool // it ended with CHECK CONDITION or RESERVATION CONFLICT
	Text    string          // of all transcripts
}

// outcome finds a command of a transcript with its name and how it ended.
var outcome = regexp.MustCompile(`(?m)^cdb [0-9A-F ]+# (.+)\n(?:(?:out|expect) .*\n)*\t(GOOD|CHECK|RESERVATION).*$`)

// ReadOutcomes reads the transcripts (*.txt) of directories, which may be patterns.
func ReadOutcomes(dirs ...string) (*Outcomes, error) {
	o := &Outcomes{Good: map[string]bool{}, Refused: map[string]bool{}}
	var text strings.Builder
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
		if err == nil && len(files) == 0 {
			err = fmt.Errorf("scsitest: no transcripts in %s", dir)
		}
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			text.Write(b)
			for _, m := range outcome.FindAllStringSubmatch(string(b), -1) {
				if m[2] == "GOOD" {
					o.Good[m[1]] = true
				} else {
					o.Refused[m[1]] = true
				}
			}
		}
	}
	o.Text = text.String()
	return o, nil
}
