//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"govtl/test/linux"
	"govtl/test/suite"
)

// TestAttach logs the machine in with vtlcmd, works with the devices whose names
// it prints, and logs out. Root does that for a suite of another user's.
func TestAttach(t *testing.T) {
	s := suite.Start(t, suite.Options{Config: small, User: nobody})
	t.Cleanup(func() { linux.LogoutAll(t) })
	command := fmt.Sprintf("%s/vtlcmd --config %s --state %s --listen %s ", suite.Bin(t), s.Config, s.State, s.Addr)

	var devices []struct{ Device, Target, Portal, Tape, Changer, Generic string }
	text := linux.Run(t, "%s", command+"attach --json")
	if err := json.Unmarshal([]byte(text), &devices); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(devices) != 2 || devices[0].Target != libraryName || devices[0].Changer == "" || devices[1].Target != driveName(11) || devices[1].Tape == "" {
		t.Fatalf("attached %+v", devices)
	}
	changer, tape := devices[0], devices[1]
	linux.Want(t, "sg_inq", linux.Run(t, "sg_inq %s", tape.Generic), "VTL0000011")
	linux.Run(t, "mtx -f %s load 1 0", changer.Generic)
	linux.Run(t, "echo 'on tape' >/tmp/attach && mt -f %[1]s rewind && tar cf %[1]s -C /tmp attach && mt -f %[1]s rewind && tar tf %[1]s", tape.Tape)

	// Again is no error, and tells the same.
	linux.Want(t, "attach again", linux.Run(t, "%s", command+"attach 11"),
		`drive 11 +`+tape.Tape+` `+tape.Generic+` +`+driveName(11))

	linux.Want(t, "detach", linux.Run(t, "%s", command+"detach 11"), "detached drive 11")
	if out, err := linux.Try("ls %s", tape.Tape); err == nil {
		t.Errorf("%s is still there", strings.TrimSpace(out))
	}
	s.Stop(t)
	linux.Want(t, "detach without the suite", linux.Run(t, "%s", command+"detach"), "detached library 10")
	linux.Want(t, "detach again", linux.Run(t, "%s", command+"detach"), "nothing was attached")
	out, err := linux.Try("%s", command+"attach")
	if err == nil || !strings.Contains(out, "error: iscsiadm: ") || !strings.Contains(out, "hint: 'vtlcmd doctor'") {
		t.Errorf("attach without the suite: %v\n%s", err, out)
	}
}
