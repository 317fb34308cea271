package scsitest_test

import (
	"errors"
	"strings"
	"testing"

	"govtl/scsi"
	. "govtl/scsi/scsitest"
)

// echo is a unit that answers with what it was sent.
type echo struct{ log []string }

func (e *echo) Execute(nexus string, c Command) (Result, error) {
	switch c.CDB[0] {
	case 0x03: // REQUEST SENSE: one unit attention condition, then none
		s := scsi.NewSense(scsi.NoSense, scsi.NoAdditionalSense)
		if len(e.log) == 0 {
			s = scsi.NewSense(scsi.UnitAttention, scsi.NotReadyToReadyChange)
		}
		e.log = append(e.log, "sense")
		return Result{In: s.AppendFixed(nil)}, nil
	case 0xEE:
		return Result{}, errors.New("lost")
	}
	r := Result{Status: scsi.Status(c.CDB[1]), In: c.Out, Name: "ECHO " + nexus}
	if c.ExpectedOut >= 0 || c.ExpectedIn >= 0 {
		r.Residual = "residual"
	}
	if r.Status == scsi.CheckCondition {
		s := scsi.InvalidParameterAt(5, -1)
		s.Valid, s.Information, s.EOM, s.FRU, s.CommandSpecific = true, -3, true, 9, 8
		r.Sense = s.AppendFixed(nil)
	}
	return r, nil
}

func (e *echo) Manage(nexus string, fn scsi.TaskManagement) (scsi.TaskManagementResponse, error) {
	if fn == scsi.ClearACA {
		return scsi.FunctionNotSupported, nil
	}
	return scsi.FunctionComplete, nil
}
func (e *echo) Logout(nexus string) error    { e.log = append(e.log, "logout "+nexus); return nil }
func (e *echo) Reconnect(nexus string) error { e.log = append(e.log, "reconnect "+nexus); return nil }

const transcript = `# a story

attentions
	UNIT ATTENTION, NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED (6/28/00)
cdb C0 00 00 00 00 00  # ECHO a
	GOOD
# kept
nexus b
cdb C0 00 00  # ECHO b
out 61 62 80 0A
out zeros 14
	GOOD
	0000  61 62 80 0A 00 00 00 00 00 00 00 00 00 00 00 00  ab..............
	0010  00 00                                            ..
cdb C0 00  # ECHO b
out pattern 2000 7
	GOOD
	2000 bytes, crc32c 46241C36
cdb C0 18  # ECHO b
expect out 8
	RESERVATION CONFLICT, residual

cdb C0 02  # ECHO b
	CHECK CONDITION: ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST (5/26/00), EOM, information -3, command specific 8, FRU 09h, parameter byte 5
manage lun-reset
manage clear-aca
	response 5
logout
reconnect
greet world
	hello world
greet
	error: nobody
`

func env() (*echo, *Env) {
	e := &echo{}
	return e, &Env{Unit: e, Steps: map[string]func([]string) (string, error){
		"greet": func(args []string) (string, error) {
			if len(args) == 0 {
				return "", errors.New("nobody")
			}
			return "hello " + args[0], nil
		},
	}}
}

// TestRun: a transcript with its replies taken out gets the same ones again.
func TestRun(t *testing.T) {
	var bare []string
	for _, l := range strings.Split(transcript, "\n") {
		if !strings.HasPrefix(l, "\t") {
			l, _, _ = strings.Cut(l, "  # ECHO")
			bare = append(bare, l)
		}
	}
	for _, text := range []string{transcript, strings.Join(bare, "\n")} {
		e, v := env()
		got, err := Run(text, v)
		if err != nil {
			t.Fatal(err)
		}
		if got != transcript {
			t.Errorf("got\n%s", got)
		}
		if l := strings.Join(e.log, ","); l != "sense,sense,logout b,reconnect b" {
			t.Errorf("log %s", l)
		}
	}
}

func TestBadLines(t *testing.T) {
	for _, text := range []string{
		"out 00", "cdb", "cdb 0", "cdb xx", "cdb C0\nout 0g", "cdb C0\nout zeros x", "cdb C0\nout pattern 99999999999", "cdb C0\nout pattern 5 x",
		"cdb C0\nexpect in", "cdb C0\nexpect up 5", "cdb C0\nexpect in -5", "nexus", "manage", "manage everything", "dance", "cdb EE", "lun", "lun x", "lun 000000000000000000", "cdb C0\n# x\nout 00",
	} {
		_, v := env()
		if got, err := Run(text, v); err == nil {
			t.Errorf("%q: accepted: %q", text, got)
		} else if !strings.Contains(err.Error(), "line") && !strings.Contains(err.Error(), "command") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPattern(t *testing.T) {
	if string(Pattern(100, 1)) != string(Pattern(200, 1)[:100]) || string(Pattern(100, 1)) == string(Pattern(100, 2)) {
		t.Error("a pattern depends on its seed alone")
	}
}
