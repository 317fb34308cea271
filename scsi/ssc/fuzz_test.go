package ssc

import (
	"testing"

	"govtl/internal/buffer"
	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// FuzzCommands sends any CDBs with any Data-Out, of two initiators, to a drive
// with a small cartridge. No command may fail without sense data of its own
// (a panic would), and none may end otherwise than with status.
func FuzzCommands(f *testing.F) {
	var models []*personality.Drive
	for _, n := range []string{"generic", "ibm-ult3580-td7", "hp-ultrium-6-scsi"} {
		p, err := personality.LoadDrive(n)
		if err != nil {
			f.Fatal(err)
		}
		models = append(models, p)
	}
	seed := func(model byte, list ...[]byte) {
		b := []byte{model}
		for _, cdb := range list {
			b = append(b, append(append([]byte{byte(len(cdb))}, cdb...), make([]byte, 16-len(cdb))...)...)
		}
		f.Add(b)
	}
	seed(0, write6v(12), filemarks(2), rewind, read6v(20), space6(1, 1), readPos, readLong)
	seed(1, []byte{0x8C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0}, []byte{0x8D, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12})
	seed(2, []byte{0x55, 0x10, 0, 0, 0, 0, 0, 0, 16}, []byte{0x04, 0, 1, 0, 0, 0}, unload, loadCDB, unitOK)
	for op := range 256 {
		seed(byte(op), []byte{byte(op), 0x0C, 0, 0, 0, 0, 0, 0, 16})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		r := newRig(t, models[int(b[0])%len(models)].Name, func(o *Options) { o.Personality = models[int(b[0])%len(models)] })
		r.insert("VTL001L6", func(s *libcart.Spec) { s.Capacity = 4 << 20 })
		other := r.login("iqn.2026-11.test:b")
		b = b[1:]
		for n := 0; len(b) >= 17 && n < 40; n++ {
			out, cdb := int(b[0]&0x7F)*8, b[1:17]
			nexus := r.nexus
			if b[0]&0x80 != 0 {
				nexus = other
			}
			b = b[17:]
			data := make([]byte, out)
			for i := range data {
				if len(b) > 0 {
					data[i] = b[i%len(b)]
				}
			}
			x := r.doAs(nexus, cdb, data)
			if x.sense != nil && x.sense.ASC == scsi.InternalTargetFailure {
				t.Fatalf("% X with %d bytes: %v", cdb, out, x.sense)
			}
			if x.status == scsi.CheckCondition && x.sense == nil {
				t.Fatalf("% X: CHECK CONDITION without sense data", cdb)
			}
			if len(x.data) > buffer.MaxSize {
				t.Fatalf("% X: %d bytes", cdb, len(x.data))
			}
		}
	})
}
