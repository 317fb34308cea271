package workload

import (
	"fmt"
	"strings"
)

// Journal is what was promised about a tape. Its lines are written before and
// after what they speak of:
//
//	BEGIN file generation   before the first block of a file
//	ACK file generation     after its filemark was acknowledged
//	CUT file                before a file is begun anew that was acknowledged;
//	                        an ACK comes before the next CUT
type Journal struct {
	// sure are the generations of the files that must be on the tape.
	sure []int

	// before are the generations of the files that were there before the last
	// CUT. Until something new is acknowledged they may all be there still.
	before []int

	// begun are the generations of file len(sure) that were begun: a beginning of
	// one of them may be there, or the whole of it.
	begun []int
}

// Line takes a line of the journal; lines of other kinds mean nothing.
func (j *Journal) Line(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	var f File
	var err error
	switch word {
	case "BEGIN":
		if _, err = fmt.Sscanf(rest, "%d %d", &f.Number, &f.Generation); err == nil && f.Number == len(j.sure) {
			j.begun = append(j.begun, f.Generation)
			return nil
		}
	case "ACK":
		if _, err = fmt.Sscanf(rest, "%d %d", &f.Number, &f.Generation); err == nil && f.Number == len(j.sure) {
			j.sure, j.before, j.begun = append(j.sure, f.Generation), nil, nil
			return nil
		}
	case "CUT":
		if _, err = fmt.Sscanf(rest, "%d", &f.Number); err == nil && f.Number <= len(j.sure) && j.before == nil {
			j.before, j.sure, j.begun = j.sure, j.sure[:f.Number:f.Number], nil
			return nil
		}
	default:
		return nil
	}
	return fmt.Errorf("workload: journal line %q after %d files: %v", line, len(j.sure), err)
}

// Acknowledged is the number of files that must be on the tape.
func (j *Journal) Acknowledged() int { return len(j.sure) }
