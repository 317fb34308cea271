package ssc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"govtl/internal/buffer"
	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/scsitest"
)

// TestTranscripts runs the stories in testdata; the folder tells the model.
func TestTranscripts(t *testing.T) {
	for folder, model := range map[string]string{
		"": "ibm-ult3580-td9", "hostile/": "ibm-ult3580-td9", "lto6/": "ibm-ult3580-td6", "lto8/": "ibm-ult3580-td8", "hp/": "hp-ultrium-6-scsi", "generic/": "generic",
	} {
		scsitest.RunFiles(t, "testdata/"+folder+"*.txt", func(t *testing.T) *scsitest.Env { return transcriptEnv(t, model) })
	}
}

// switchable is a unit whose drive a restart replaces.
type switchable struct{ scsitest.Unit }

func transcriptEnv(t *testing.T, model string) *scsitest.Env {
	now := time.Unix(1_800_000_000, 0)
	r := newRig(t, model, func(o *Options) {
		o.NAA = 0x500507600F0F0F01
		o.Now = func() time.Time { return now }
	})
	r.drive.Unit().Detach(r.nexus, scsi.NexusClosed)
	r.drive.patience = time.Minute
	u := &switchable{scsitest.InProcess(r.drive.Unit())}
	ctx := context.Background()
	dirs := map[string]string{}
	moves := 0
	steps := map[string]func([]string) (string, error){
		// insert BARCODE [MIB]: makes the cartridge on first use and puts it into the drive.
		"insert": func(a []string) (string, error) {
			barcode := a[0]
			if dirs[barcode] == "" {
				dirs[barcode] = r.cartridge(barcode, func(s *libcart.Spec) {
					if len(a) > 1 {
						n, _ := strconv.Atoi(a[1])
						s.Capacity = int64(n) << 20
					}
				})
			}
			moves++
			return "", clean(r, r.drive.Insert(ctx, dirs[barcode], barcode, fmt.Sprint("move", moves)))
		},
		"remove": func(a []string) (string, error) {
			moves++
			return "", clean(r, r.drive.Remove(ctx, a[0], fmt.Sprint("move", moves)))
		},
		"eject":  func([]string) (string, error) { return "", clean(r, r.drive.Eject(ctx, "")) },
		"thread": func([]string) (string, error) { return "", clean(r, r.drive.Load(ctx)) },
		// restart ends the drive as a crash would be repaired: a new one with the same memory.
		"restart": func([]string) (string, error) {
			if err := r.drive.Close(); err != nil {
				return "", err
			}
			d, err := New(r.drive.opt)
			if err != nil {
				return "", err
			}
			r.drive = d
			d.patience = time.Minute
			u.Unit = scsitest.InProcess(d.Unit())
			return "", d.Resume(ctx)
		},
		// protect BARCODE on|off sets the write-protect tab of a cartridge that is not loaded.
		"protect": func(a []string) (string, error) {
			c, err := libcart.Open(dirs[a[0]], libcart.Options{FS: r.fs})
			if err != nil {
				return "", err
			}
			defer c.Close()
			return "", c.SetWriteProtect(a[1] == "on")
		},
		"alert": func(a []string) (string, error) {
			mask, _ := strconv.ParseUint(a[0], 16, 64)
			all, err := r.drive.SetTapeAlert(ctx, mask)
			return fmt.Sprintf("%016X", all), err
		},
		// delay MOTION SECONDS, and clock SECONDS: that many seconds pass.
		"delay": func(a []string) (string, error) {
			seconds, _ := strconv.ParseFloat(a[1], 64)
			_, err := r.drive.SetDelay(ctx, a[0], personality.Seconds(seconds))
			return "", err
		},
		"clock": func(a []string) (string, error) {
			seconds, err := strconv.ParseFloat(a[0], 64)
			return "", errors.Join(err, r.drive.Unit().Do(ctx, func(*Drive) error {
				now = now.Add(personality.Seconds(seconds))
				return nil
			}))
		},
		"append-only": func(a []string) (string, error) { return "", r.drive.SetAppendOnly(ctx, a[0] == "on") },
		// status shows what the operator sees.
		"status": func([]string) (string, error) {
			s, err := r.drive.Status(ctx)
			return fmt.Sprintf("%s %s %s partition %d object %d filemarks %d lost %v", s.Word, s.Barcode, s.Medium,
				s.Position.Partition, s.Position.Object, s.Position.Filemarks, s.Lost), err
		},
		// fill N SIZE writes up to N blocks of SIZE bytes until a command does not end with GOOD.
		"fill": func(a []string) (string, error) {
			n, _ := strconv.Atoi(a[0])
			size, _ := strconv.Atoi(a[1])
			for i := range n {
				res, err := u.Execute("a", scsitest.Command{
					CDB: write6v(size), Out: scsitest.Pattern(size, i), ExpectedOut: -1, ExpectedIn: -1,
				})
				if err != nil {
					return "", err
				}
				if res.Status != scsi.Good {
					return fmt.Sprintf("after %d blocks: %s", i, res.Text()), nil
				}
			}
			return fmt.Sprintf("%d blocks", n), nil
		},
	}
	return &scsitest.Env{Unit: u, Steps: steps}
}

// clean takes the test's folder out of an error.
func clean(r *rig, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s", strings.ReplaceAll(err.Error(), r.dir, "DIR"))
}

// TestPromptData: a READ and a WRITE that need not wait run on the caller's goroutine.
func TestPromptData(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	r.want(good, write6v(512), pattern(1, 512)...)
	w := waiter{make(chan struct{})}
	task := &scsi.Task{Nexus: r.nexus, CDB: append(write6v(512), make([]byte, 10)...), Transport: w, ExpectedOut: 512}
	task.Out = buffer.Default.Get(512)
	r.drive.Unit().Submit(task)
	select {
	case <-w.done:
	default:
		t.Fatal("a WRITE with room in the buffer waited for another goroutine")
	}
}
