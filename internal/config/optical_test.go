package config

import (
	"errors"
	"strings"
	"testing"
)

func TestOptical(t *testing.T) {
	text := `version: 1
libraries: []
optical:
  - {id: 40, model: bd-recorder, serial: OPT40, home: discs, timing: {blank: 2.5}}
`
	s, err := Parse([]byte(text), "/etc/vtl/vtl.yaml", Checks{})
	if err != nil {
		t.Fatal(err)
	}
	o, ok := s.OpticalDrive(40)
	if !ok || o.Home != "/etc/vtl/discs" || o.Timing.Blank != 2.5 {
		t.Errorf("%+v", o)
	}
	if got := s.Devices(); len(got) != 1 || got[0].Target != DefaultIQNPrefix+":optical40" || got[0].String() != "optical 40" {
		t.Errorf("%v", got)
	}
	if got := (Paths{State: "/s"}).OpticalHome(&Optical{}, nil); got != "/s/discs" {
		t.Error(got)
	}
}

func TestOpticalRefused(t *testing.T) {
	for _, c := range []struct{ drive, why string }{
		{"{id: 40, model: bd-recorder}", "4: optical 40: serial is missing"},
		{"{id: 40, serial: A}", "4: model is missing"},
		{"{id: 40, model: none, serial: A}", `4: an optical drive of model "none"`},
		{"{id: 11, model: x, serial: A}", "4: id 11 belongs to drive 11 already"},
		{"{id: 40, model: x, serial: A, timing: {blank: -1}}", "4: blank takes from 0 to 3600 seconds"},
		{"{id: 40, model: x, serial: A, slots: 3}", "4: unknown key slots"},
	} {
		text := "version: 1\nlibraries: []\noptical:\n  - " + c.drive + "\ndrives:\n  - {id: 11, model: x, serial: B}\n"
		_, err := Parse([]byte(text), "f", Checks{RecorderModel: func(name string) error {
			if name == "none" {
				return errors.New("unknown")
			}
			return nil
		}})
		if err == nil || !strings.Contains(err.Error(), "f:"+c.why) {
			t.Errorf("%s: %v\nwant %s", c.drive, err, c.why)
		}
	}
}
