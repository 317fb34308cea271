package program

import (
	"testing"

	"govtl/internal/daemon"
)

// TestDevice checks which device a command line names, and the exit status.
func TestDevice(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		id     int // -1: nothing is served
	}{
		{[]string{"11"}, OK, 11},
		{[]string{"-q", "12"}, OK, 12},
		{[]string{"--queue=13"}, OK, 13},
		{[]string{"--verbose", "2", "14"}, OK, 14},
		{nil, Usage, -1},
		{[]string{"x"}, Usage, -1},
		{[]string{"11", "12"}, Usage, -1},
		{[]string{"-q", "11", "12"}, Usage, -1},
		{[]string{"--", "-1"}, Usage, -1},
		{[]string{"--nonsense", "11"}, Usage, -1},
		{[]string{"-F", "-q11", "-v2"}, OK, 11},
		{[]string{"-F", "-q", "11", "-v", "-d"}, OK, 11},
		{[]string{"-v9", "-q12", "-F"}, OK, 12},
		{[]string{"-q", "11", "-f", "/tmp/fifo"}, Usage, -1},
		{[]string{"--", "-F"}, Usage, -1},
		{[]string{"--help"}, OK, -1},
		{[]string{"--version"}, OK, -1},
	} {
		id := -1
		d := Device{Name: "vtltape", Kind: "tape drive", Noun: "drive", Serve: func(_ daemon.Flags, n int) error { id = n; return nil }}
		if status := d.Main(c.args); status != c.status || id != c.id {
			t.Errorf("%q: status %d, device %d; want %d, %d", c.args, status, id, c.status, c.id)
		}
	}
}

// TestPortal checks that the portal takes no arguments.
func TestPortal(t *testing.T) {
	served := false
	p := Portal{Name: "vtlportal", Serve: func(f daemon.Flags) error { served = f.Listen == "127.0.0.1:3261"; return nil }}
	if status := p.Main([]string{"--listen", "127.0.0.1:3261"}); status != OK || !served {
		t.Errorf("status %d, served %v", status, served)
	}
	served = false
	if status := p.Main([]string{"11"}); status != Usage || served {
		t.Errorf("with an argument: status %d, served %v", status, served)
	}
}
