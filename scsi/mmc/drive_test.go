package mmc

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"govtl/scsi"
	"govtl/scsi/personality"
)

// TestNoDisc: what an empty drive answers and what not.
func TestNoDisc(t *testing.T) {
	r := newRig(t)
	for _, cdb := range []string{"00 00 00 00 00 00", "25 00 00 00 00 00 00 00 00 00", "51 00 00 00 00 00 00 00 22 00",
		"52 01 00 00 00 01 00 00 24 00", "43 00 00 00 00 00 00 00 0C 00", "28 00 00 00 00 00 00 00 01 00", "AC 00 00 00 00 00 00 00 00 01 03 00"} {
		r.want("23A01", cdb)
	}
	r.gives("46 02 FF FF 00 00 00 00 08 00", "00 00 00 04 00 00 00 00")
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 00 00 00 00")
	r.gives("4A 01 00 00 21 00 00 00 08 00", "00 02 80 5e") // no class of this drive
	r.gives("4A 01 00 00 06 00 00 00 08 00", "00 06 01 5e 00 00 00 00")
	r.gives("4A 01 00 00 FF 00 00 00 08 00", "00 06 04 5e 00 00 00 00")
	r.want("52400", "4A 00 00 00 10 00 00 00 08 00")
	r.want(ok, "5A 00 3F 00 00 00 00 00 08 00")
	if got := r.want(ok, "1A 00 2A 00 80 00"); len(got) > 128 || got[3] != 0 || got[4] != 0x2A {
		t.Errorf("page 2Ah is % x", got)
	}
	if got := r.want(ok, "12 00 00 00 60 00"); got[0] != 0x05 || got[1] != 0x80 || len(got) != 96 {
		t.Errorf("INQUIRY is % x", got)
	}
}

// TestSimple: an empty file is a blank DVD+R, and turns into a DVD-ROM when it is
// closed, without a new login; offline and online are seen as an empty drive.
func TestSimple(t *testing.T) {
	r, ctx := newRig(t), context.Background()
	r.file("/backup.iso", nil)
	if err := r.drive.Load(ctx, "/backup.iso", ""); err != nil {
		t.Fatal(err)
	}
	r.want("62800", "00 00 00 00 00 00")
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 02 02 00 00")
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 00 02 00 00")
	r.gives("46 02 FF FF 00 00 00 00 08 00", "00 00 00 04 00 00 00 1b")
	r.write(0, 40)
	r.want(ok, "5B 00 06 00 00 00 00 00 00 00")
	r.gives("46 02 FF FF 00 00 00 00 08 00", "00 00 00 04 00 00 00 10")
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 02 02 00 00")
	r.gives("25 00 00 00 00 00 00 00 00 00", "00 00 00 2f 00 00 08 00")
	r.want("72700", "2A 00 00 00 00 00 00 00 01 00", data(0, 1)...)
	if got := r.fs.Content("/backup.iso"); !bytes.Equal(got[:40*2048], data(0, 40)) || len(got) != 48*2048 {
		t.Errorf("the image has %d bytes, or others", len(got))
	}
	if err := r.drive.SetOffline(ctx, true); err != nil {
		t.Fatal(err)
	}
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 03 00 00 00")
	r.want("23A01", "00 00 00 00 00 00")
	if err := r.drive.SetOffline(ctx, false); err != nil {
		t.Fatal(err)
	}
	r.want("62800", "00 00 00 00 00 00")
	r.want(ok, "00 00 00 00 00 00")
	if file, err := r.drive.Unload(ctx); err != nil || file != "/backup.iso" {
		t.Errorf("%q, %v", file, err)
	}
	r.want("23A01", "00 00 00 00 00 00")
}

// TestTray: eject, prevention by each initiator for itself, and the same disc again.
func TestTray(t *testing.T) {
	r, ctx := newRig(t), context.Background()
	r.insert("dvd+rw")
	other := r.login("iqn.2026-11.test:b")
	r.doAs(other, unhex(t, "1E 00 00 00 01 00"), nil)
	r.want("55302", "1B 00 00 00 02 00")
	if _, err := r.drive.Unload(ctx); !errors.Is(err, ErrPrevented) {
		t.Errorf("%v, want %v", err, ErrPrevented)
	}
	r.drive.Unit().Detach(other, scsi.NexusClosed)
	r.want(ok, "1B 00 00 00 00 00") // stop: it stays ready
	r.want(ok, "00 00 00 00 00 00")
	r.want(ok, "1B 00 00 00 02 00")
	r.want("23A02", "00 00 00 00 00 00")
	r.gives("4A 01 00 00 10 00 00 00 08 00", "00 06 04 5e 03 01 00 00")
	r.want(ok, "1B 00 00 00 03 00")
	r.want("62800", "00 00 00 00 00 00")
	r.want(ok, "00 00 00 00 00 00")
}

// TestBusy: progress while a disc is blanked; a command that waits for the end;
// one that is aborted; what the drive answers meanwhile.
func TestBusy(t *testing.T) {
	elapsed := make(chan time.Time)
	r := newRig(t, func(o *Options) {
		o.Durations = Durations{Blank: time.Hour, Format: time.Hour}
		o.Timer = func(time.Duration) <-chan time.Time { return elapsed }
	})
	r.insert("dvd-rw")
	r.write(0, 16)
	r.want(ok, "A1 10 00 00 00 00 00 00 00 00 00 00")
	if x := r.doAs(r.nexus, unhex(t, "00 00 00 00 00 00"), nil); x.String() != "20407" || x.sense.SKS[0] != 0x80 {
		t.Errorf("%s %v", x, x.sense)
	}
	r.want("20407", "51 00 00 00 00 00 00 00 22 00")
	r.want("20407", "1B 00 00 00 02 00")
	r.want(ok, "46 00 00 00 00 00 00 00 08 00")
	if got := r.want(ok, "03 00 00 00 12 00"); got[0] != 0x70 || got[2] != 2 || got[12] != 4 || got[15] != 0x80 {
		t.Errorf("REQUEST SENSE gives % x", got)
	}
	elapsed <- time.Time{}
	r.ready()
	r.gives("51 00 00 00 00 00 00 00 03 00", "00 20 10")
	r.write(0, 16)

	w := waiter{make(chan struct{})}
	task := &scsi.Task{Nexus: r.nexus, CDB: append(unhex(t, "A1 00"), make([]byte, 14)...), Attribute: scsi.Simple, Transport: w}
	r.drive.Unit().Submit(task)
	r.want("20407", "00 00 00 00 00 00")
	select {
	case <-w.done:
		t.Error("the command did not wait for the blank to end")
	default:
	}
	elapsed <- time.Time{}
	<-w.done
	if task.Status != scsi.Good {
		t.Errorf("BLANK ends with %v %v", task.Status, task.Sense)
	}
	r.gives("51 00 00 00 00 00 00 00 03 00", "00 20 10")

	w = waiter{make(chan struct{})}
	task = &scsi.Task{Nexus: r.nexus, CDB: append(unhex(t, "A1 00"), make([]byte, 14)...), Attribute: scsi.Simple, Transport: w}
	r.drive.Unit().Submit(task)
	r.want("20407", "00 00 00 00 00 00")
	r.drive.Unit().Manage(r.nexus, scsi.AbortTask, task)
	<-w.done
	if !task.Aborted() {
		t.Error("the command was not aborted")
	}
	r.want("20407", "00 00 00 00 00 00") // the blank goes on
	elapsed <- time.Time{}
	r.ready()
	r.want(ok, "04 11 00 00 00 00", unhex(t, "00 02 00 08 00231020 00 000800")...)
	r.want("20404", "00 00 00 00 00 00")
	if err := r.drive.Close(); err != nil { // within an hour
		t.Fatal(err)
	}
}

// TestRestart: the drive has its disc again, with what was synced.
func TestRestart(t *testing.T) {
	r := newRig(t)
	r.insert("bd-re")
	r.want(ok, "04 11 00 00 00 00", unhex(t, "00 82 00 08 00B47400 C2 003000")...)
	r.write(64, 16)
	if err := r.drive.Close(); err != nil {
		t.Fatal(err)
	}
	again := newRig(t, func(o *Options) { o.FS, o.Memory = r.fs, r.mem })
	if err := again.drive.Resume(context.Background()); err != nil {
		t.Fatal(err)
	}
	again.nexus.TakeAttention()
	again.gives("25 00 00 00 00 00 00 00 00 00", "00 b4 73 ff 00 00 08 00")
	if got := again.want(ok, "28 00 00 00 00 40 00 00 10 00"); !bytes.Equal(got, data(64, 16)) {
		t.Error("reads otherwise")
	}
}

// TestFeatures: for every medium the list is ascending, whole and short enough,
// and what is listed can be had singly.
func TestFeatures(t *testing.T) {
	for _, n := range append(personality.DiscNames(), "") {
		r := newRig(t)
		if k := r.drive.model.Find(n); n != "" && k.Recording == "rom" {
			continue
		}
		if n != "" {
			r.insert(n)
		}
		all := r.want(ok, "46 00 00 00 00 00 00 10 00 00")
		if len(all) > 4096 || len(all) != int(all[3])+int(all[2])<<8+4 {
			t.Errorf("%s: %d bytes of %x", n, len(all), all[:4])
		}
		last := -1
		for at := 8; at < len(all); at += 4 + int(all[at+3]) {
			code := int(all[at])<<8 | int(all[at+1])
			if code <= last || all[at+3]%4 != 0 {
				t.Errorf("%s: feature %04X after %04X with %d bytes", n, code, last, all[at+3])
			}
			last = code
			one := r.doAs(r.nexus, []byte{0x46, 2, byte(code >> 8), byte(code), 0, 0, 0, 1, 0, 0}, nil)
			if !bytes.Equal(one.data[8:], all[at:at+4+int(all[at+3])]) {
				t.Errorf("%s: feature %04X alone is % x", n, code, one.data)
			}
			if code == 0x28 {
				t.Errorf("%s: MRW", n)
			}
		}
		if n == "" {
			continue
		}
		// Every disc structure that is listed can be read.
		media := byte(0)
		if r.drive.kind.Class == personality.ClassBD {
			media = 1
		}
		list := r.doAs(r.nexus, []byte{0xAD, media, 0, 0, 0, 0, 0, 0xFF, 1, 0, 0, 0}, nil)
		for at := 4; at < len(list.data); at += 4 {
			s := r.doAs(r.nexus, []byte{0xAD, media, 0, 0, 0, 0, 0, list.data[at], 0x20, 0, 0, 0}, nil)
			if s.String() != ok || len(s.data) != int(list.data[at+2])<<8+int(list.data[at+3]) {
				t.Errorf("%s: structure %02X: %s, %d bytes", n, list.data[at], s, len(s.data))
			}
		}
	}
}

// TestSupportedOperationCodesAgree: what is listed is what is answered.
func TestSupportedOperationCodesAgree(t *testing.T) {
	r := newRig(t)
	all := r.want(ok, "A3 0C 00 00 00 00 00 00 20 00 00 00")
	listed := map[byte]bool{}
	for at := 4; at < len(all); at += 8 {
		listed[all[at]] = true
	}
	for op := range 256 {
		x := r.doAs(r.nexus, []byte{byte(op), 0x0C}, nil)
		if unknown := x.String() == "52000"; unknown == listed[byte(op)] {
			t.Errorf("%02X is listed: %v, answers %s", op, listed[byte(op)], x)
		}
	}
}

// FuzzCommands sends any commands with any data to a drive with any medium.
func FuzzCommands(f *testing.F) {
	p, err := personality.LoadRecorder("bd-recorder")
	if err != nil {
		f.Fatal(err)
	}
	add := func(medium byte, list ...string) {
		b := []byte{medium}
		for _, s := range list {
			c := append(unhex(f, s), make([]byte, 16)...)[:16]
			b = append(append(b, 8), c...)
		}
		f.Add(b)
	}
	for m := range byte(14) {
		add(m, "2A 00 00 00 00 00 00 00 01 00", "5B 00 02 00 00 00 00 00 00 00", "52 01 00 00 00 FF 00 00 24 00", "43 02 02 00 00 00 00 00 FF 00")
		add(m, "04 11 00 00 00 00", "53 00 00 00 00 00 00 00 20 00", "A1 00 00 00 00 00", "AD 01 00 00 00 00 00 FF 10 00")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		r := newRig(t, func(o *Options) { o.Personality = p })
		k := p.Media[int(b[0])%len(p.Media)]
		if k.Recording == "rom" {
			r.file("/rom.iso", data(0, 3))
			if err := r.drive.Load(context.Background(), "/rom.iso", ""); err != nil {
				t.Fatal(err)
			}
		} else {
			r.insert(k.Name)
		}
		b = b[1:]
		for n := 0; len(b) >= 17 && n < 30; n++ {
			out, cdb := int(b[0])*4, b[1:17]
			b = b[17:]
			if cdb[0] == 0x2A || cdb[0] == 0x2E || cdb[0] == 0xAA { // keep the image in memory small
				cdb[2], cdb[3] = 0, 0
				out = min((int(cdb[7])<<8|int(cdb[8]))*2048, 1<<16)
			}
			list := make([]byte, out)
			for i := range list {
				if len(b) > 0 {
					list[i] = b[i%len(b)]
				}
			}
			x := r.doAs(r.nexus, cdb, list)
			if x.sense != nil && x.sense.ASC == scsi.InternalTargetFailure {
				t.Fatalf("% X with %d bytes: %v", cdb, out, x.sense)
			}
			if x.status == scsi.CheckCondition && x.sense == nil {
				t.Fatalf("% X: CHECK CONDITION without sense data", cdb)
			}
		}
	})
}
