package moves

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi/personality"
	"govtl/scsi/scsitest"
	"govtl/scsi/smc"
	"govtl/scsi/ssc"
)

// life is how many more steps a process lives: changes of files and, for the
// library, requests to drives. 0: for ever.
type life struct {
	left atomic.Int64
	dead atomic.Bool
}

var errKilled = errors.New("killed")

// step lives one step more.
func (l *life) step() bool {
	if l.left.Load() > 0 && l.left.Add(-1) == 0 {
		l.dead.Store(true)
	}
	return !l.dead.Load()
}

// refusal is what a drive says, and what the library makes of it.
type refusal struct{ from, to error }

// call is a library's call of a drive. A dead library sends nothing; a dead drive
// does not answer, whether or not it did something before it died.
func (l *life) call(drive *life, f func() error, refusals []refusal) error {
	if !l.step() || drive.dead.Load() {
		return smc.ErrUnreachable
	}
	err := f()
	if !l.step() || drive.dead.Load() {
		return smc.ErrUnreachable
	}
	for _, r := range refusals {
		if errors.Is(err, r.from) {
			return fmt.Errorf("%w: %w", r.to, err)
		}
	}
	return err
}

// rule is the life's file system.
func (l *life) rule(vfs.Op) error {
	if l.step() {
		return nil
	}
	return errKilled
}

// memory is a drive's non-volatile memory. It survives the drive.
type memory struct {
	mu   sync.Mutex
	doc  []byte
	life *life
}

func (m *memory) Load() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.doc, nil
}

func (m *memory) Save(doc []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.life.step() {
		return errKilled
	}
	m.doc = bytes.Clone(doc)
	return nil
}

// drive is a drive's process: the device, and what survives it.
type drive struct {
	id     int
	life   *life
	memory *memory
	unit   *ssc.Drive
	scsi   scsitest.Unit
}

// rig is a library with drives that share a file system of cartridges.
type rig struct {
	t          *testing.T
	cartridges *vfs.Memory
	state      *vfs.Memory // the library's
	barcodes   []string

	// Records are numbered on each tape: those whose writing has begun, and which
	// of them were acknowledged.
	begun        map[string]int
	acknowledged map[string][]int

	mu     sync.Mutex // guards what the library's goroutines use
	drives map[int]*drive

	life    *life // the library's
	changer *smc.Changer
	scsi    scsitest.Unit
}

const (
	slots      = 10
	capacity   = 64 << 20
	driveModel = "ibm-ult3580-td9"
)

var driveIDs = []int{11, 12, 13}

func newRig(t *testing.T) *rig {
	r := &rig{
		t: t, cartridges: &vfs.Memory{}, state: &vfs.Memory{}, drives: map[int]*drive{},
		begun: map[string]int{}, acknowledged: map[string][]int{},
	}
	medium, err := personality.LoadMedium("LTO9")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cartridges.MkdirAll("/cartridges", 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		b := fmt.Sprintf("MOV%03dL9", i)
		r.barcodes = append(r.barcodes, b)
		err := libcart.Create("/cartridges/"+b, libcart.Spec{
			Barcode: b, Density: medium.Density, Medium: medium.Name, Kind: libcart.Data, Capacity: capacity,
			Serial: b, Made: time.Unix(0, 0), MaxPartitions: 1,
		}, libcart.Options{FS: r.cartridges})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range driveIDs {
		r.startDrive(id, &memory{})
	}
	r.startLibrary()
	t.Cleanup(func() {
		r.changer.Close()
		for _, d := range r.drives {
			d.unit.Close()
		}
	})
	var vols []smc.Volume
	for _, b := range r.barcodes {
		vols = append(vols, smc.Volume{Barcode: b, Dir: "/cartridges/" + b, Kind: "data", Medium: "LTO9"})
	}
	if _, err := r.changer.AddVolumes(vols, 1); err != nil {
		t.Fatal(err)
	}
	return r
}

// startDrive starts a drive's process with what an earlier one left.
func (r *rig) startDrive(id int, m *memory) {
	r.t.Helper()
	model, err := personality.LoadDrive(driveModel)
	if err != nil {
		r.t.Fatal(err)
	}
	d := &drive{id: id, life: &life{}, memory: m}
	m.life = d.life
	d.unit, err = ssc.New(ssc.Options{
		Personality: model, Serial: serial(id), TargetName: "iqn.2026-11.test:drive", Memory: m, MinFree: -1,
		FS: vfs.Failing(r.cartridges, d.life.rule), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := d.unit.Resume(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	d.scsi = scsitest.InProcess(d.unit.Unit())
	r.mu.Lock()
	r.drives[id] = d
	r.mu.Unlock()
	if r.changer != nil {
		r.changer.DriveChanged(id, holds(d.unit.State()))
	}
}

func serial(id int) string { return fmt.Sprintf("DRV%07d", id) }

// restartDrive replaces a drive that died. The dead process closes its files,
// and with that ends its locks, but changes nothing any more.
func (r *rig) restartDrive(id int) {
	d := r.drives[id]
	d.life.dead.Store(true)
	d.unit.Close()
	r.startDrive(id, d.memory)
}

// startLibrary starts the library's process with what an earlier one left.
func (r *rig) startLibrary() {
	r.t.Helper()
	model, err := personality.LoadLibrary("ibm-03584")
	if err != nil {
		r.t.Fatal(err)
	}
	r.life = &life{}
	o := smc.Options{
		Personality: model, Serial: "VTL0000010", FS: vfs.Failing(r.state, r.life.rule), Dir: "/state",
		Configuration: smc.Configuration{Slots: slots, Mail: 2}, Drives: reach{r, r.life},
		Log: slog.New(slog.DiscardHandler), Patience: -1, Retry: 5 * time.Millisecond,
	}
	for _, id := range driveIDs {
		o.DriveElements = append(o.DriveElements, smc.DriveElement{
			ID: id, Identity: smc.DriveIdentity{Vendor: "IBM", Product: "ULT3580-TD9", Serial: serial(id)},
		})
	}
	if r.changer, err = smc.New(o); err != nil {
		r.t.Fatal(err)
	}
	r.scsi = scsitest.InProcess(r.changer.Unit())
	if err := r.changer.Audit(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// restartLibrary replaces a library that died; with a power cut, what it had
// not synced is lost.
func (r *rig) restartLibrary(cut bool) {
	after := r.state.Clone()
	if cut {
		after = r.state.Crash(nil, 0)
	}
	r.life.dead.Store(true)
	r.changer.Close()
	r.state = after
	r.startLibrary()
}

// reach is how the library reaches its drives: in the place of the message bus.
type reach struct {
	r    *rig
	life *life
}

// call calls a drive.
func (x reach) call(id int, f func(*drive) error) error {
	x.r.mu.Lock()
	d := x.r.drives[id]
	x.r.mu.Unlock()
	return x.life.call(d.life, func() error { return f(d) }, []refusal{
		{ssc.ErrIncompatible, smc.ErrIncompatible}, {ssc.ErrFull, smc.ErrDriveFull}, {ssc.ErrEmpty, smc.ErrDriveEmpty},
		{ssc.ErrVolume, smc.ErrVolume},
	})
}

// Insert implements smc.Drives.
func (x reach) Insert(ctx context.Context, id int, v smc.Volume, moveID string) error {
	return x.call(id, func(d *drive) error { return d.unit.Insert(ctx, v.Dir, v.Barcode, moveID) })
}

// Remove implements smc.Drives.
func (x reach) Remove(ctx context.Context, id int, barcode, moveID string) error {
	return x.call(id, func(d *drive) error { return d.unit.Remove(ctx, barcode, moveID) })
}

// State implements smc.Drives.
func (x reach) State(_ context.Context, id int) (st smc.DriveState, err error) {
	err = x.call(id, func(d *drive) error {
		st = holds(d.unit.State())
		return nil
	})
	return st, err
}

func holds(s ssc.State) smc.DriveState {
	return smc.DriveState{Barcode: s.Barcode, Loaded: s.Loaded, MoveID: s.MoveID, RemovalPrevented: s.RemovalPrevented}
}
