package spc_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"govtl/scsi"
	"govtl/scsi/scsitest"
	"govtl/scsi/spc/spctest"
)

// FuzzCommands sends whatever commands to the device; WAIT would wait.
func FuzzCommands(f *testing.F) {
	d, err := spctest.New(nil)
	if err != nil {
		f.Fatal(err)
	}
	d.Server.Close()
	f.Add(append(append([]byte{10, 0x5F, 0, 0, 0, 0, 0, 0, 0, 24, 0, 24}, make([]byte, 15)...), 1, 0, 0, 0, 0, 0, 0, 0, 0))
	f.Add([]byte{6, 0x15, 0x11, 0, 0, 20, 0, 20, 0, 0, 0x10, 0, 0x10, 0x0E, 0, 0, 0, 0, 1, 0x2C, 0, 0, 0, 0, 0, 0, 0, 0})
	skip := func(cdb []byte) bool { return cdb[0] == 0xE3 }
	scsitest.FuzzUnit(f, d.Commands(), skip, func(t *testing.T) scsi.LogicalUnit {
		d, err := spctest.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Server.Close)
		return d.Server
	})
}

// FuzzState: a state document is refused, or taken and saved again as itself.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"identifying":{},"holder":-1}`))
	f.Add([]byte(`{"version":1,"identifying":{"device":"AQID"},"registrants":[{"port":"iqn.a,i,0x1","key":"170"}],"type":3,"holder":0}`))
	f.Add([]byte(`{"version":1,"registrants":[{"port":"a","key":"1"},{"port":"b","key":"2"}],"type":8,"holder":-1}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		d, err := spctest.New(doc)
		if err != nil {
			return
		}
		defer d.Server.Close()
		u := scsitest.InProcess(d.Server)
		for range 2 { // past the unit attention condition
			r, err := u.Execute("a", scsitest.Command{CDB: []byte{0x5E, 3, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0}, ExpectedOut: -1, ExpectedIn: -1})
			if err != nil || r.Status == scsi.CheckCondition && bytes.Contains(r.Sense, []byte{0x44, 0}) {
				t.Fatalf("%v, % X", err, r.Sense)
			}
		}
	})
}

func TestDamagedStateIsRefused(t *testing.T) {
	for _, doc := range []string{
		`{`, `null x`, `{"version":2}`, `{"version":1,"type":3,"holder":0,"registrants":[{"port":"a","key":"0"}]}`,
		`{"version":1,"type":3,"holder":1,"registrants":[{"port":"a","key":"1"}]}`,
		`{"version":1,"type":3,"holder":-1,"registrants":[{"port":"a","key":"1"}]}`,
		`{"version":1,"type":9,"holder":0,"registrants":[{"port":"a","key":"1"}]}`,
		`{"version":1,"registrants":[{"port":"a","key":"1"},{"port":"a","key":"1"}]}`,
		`{"version":1,"modes":"AAAA"}`,
	} {
		if d, err := spctest.New([]byte(doc)); err == nil {
			d.Server.Close()
			t.Errorf("%s: accepted", doc)
		}
	}
	good, _ := json.Marshal(map[string]any{"version": 1, "holder": -1})
	d, err := spctest.New(good)
	if err != nil {
		t.Fatal(err)
	}
	d.Server.Close()
}
