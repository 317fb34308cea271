package spc_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"govtl/scsi"
	"govtl/scsi/scsitest"
	"govtl/scsi/spc/spctest"
)

// FuzzCommands sends whatever commands: none may panic, hang, or end in a way
// that an initiator cannot understand. A command is a length of the CDB, the
// CDB, a length of Data-Out, the Data-Out.
func FuzzCommands(f *testing.F) {
	seed := func(parts ...[]byte) {
		var b []byte
		for _, p := range parts {
			b = append(append(b, byte(len(p))), p...)
		}
		f.Add(b)
	}
	seed([]byte{0x12, 1, 0x83, 0, 0xFF, 0}, nil, []byte{0x1A, 0, 0x3F, 0xFF, 0xFF, 0}, nil)
	seed([]byte{0x5F, 0, 0, 0, 0, 0, 0, 0, 24, 0}, append(make([]byte, 8), make([]byte, 16)...),
		[]byte{0x5F, 1, 3, 0, 0, 0, 0, 0, 24, 0}, make([]byte, 24), []byte{0x5E, 3, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0}, nil)
	seed([]byte{0xA3, 0x0C, 0x80, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0}, nil, []byte{0xA0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0}, nil)
	seed([]byte{0x15, 0x11, 0, 0, 20, 0}, append([]byte{0, 0, 0x10, 0}, make([]byte, 16)...), []byte{0x4C, 2, 0x4C, 0, 0, 0, 0, 0, 0, 0}, nil)
	seed([]byte{0xA4, 6, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0}, make([]byte, 4), []byte{0x3B, 0x0A, 0, 0, 0, 0, 0, 0, 4, 0}, make([]byte, 4))
	seed([]byte{0x1D, 0x10, 0, 0, 8, 0}, []byte{0x80, 0, 0, 4, 1, 0x60, 0, 0}, []byte{0x03, 1, 0, 0, 0xFF, 0}, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := spctest.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Server.Close()
		u := scsitest.InProcess(d.Server)
		next := func() []byte {
			if len(b) == 0 {
				return nil
			}
			n := min(int(b[0]), len(b)-1)
			p := b[1 : 1+n]
			b = b[1+n:]
			return p
		}
		for i := 0; len(b) > 0 && i < 50; i++ {
			cdb, out := next(), next()
			if len(cdb) == 0 || cdb[0] == 0xE3 { // WAIT waits
				continue
			}
			who := string(rune('a' + i%2))
			r, err := u.Execute(who, scsitest.Command{CDB: cdb, Out: out, ExpectedOut: -1, ExpectedIn: -1})
			if err != nil {
				t.Fatal(err)
			}
			switch r.Status {
			case scsi.Good, scsi.ReservationConflict:
				if len(r.Sense) > 0 {
					t.Fatalf("% X: sense data with %v", cdb, r.Status)
				}
			case scsi.CheckCondition:
				s, err := scsi.DecodeSense(r.Sense)
				if err != nil || s.ASC == scsi.InternalTargetFailure || len(r.In) > 0 {
					t.Fatalf("% X, % X: %v, %v, %d bytes", cdb, out, s, err, len(r.In))
				}
			default:
				t.Fatalf("% X: %v", cdb, r.Status)
			}
		}
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
