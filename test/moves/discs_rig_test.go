package moves

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"govtl/internal/vfs"
	"govtl/libdisc"
	"govtl/scsi/mmc"
	"govtl/scsi/personality"
	"govtl/scsi/scsitest"
	"govtl/scsi/smc"
)

// opticalDrive is an optical drive's process: the device, and what survives it.
type opticalDrive struct {
	id     int
	life   *life
	memory *memory
	unit   *mmc.Drive
	scsi   scsitest.Unit
	locked map[string]bool // initiators that prevent removal
}

// jukebox is a jukebox whose optical drives share a file system of discs.
type jukebox struct {
	t        *testing.T
	random   *rand.Rand
	discs    *vfs.Memory // the images
	state    *vfs.Memory // the library's
	barcodes []string
	sides    map[string]*side // by image
	numbers  uint32           // the last one that a block was written with

	mu     sync.Mutex // guards what the library's goroutines use
	drives map[int]*opticalDrive

	life    *life // the library's
	changer *smc.Changer
	scsi    scsitest.Unit
}

var opticalIDs = []int{31, 32}

// stock are the discs of the jukebox: of each way of recording, and so small that
// they become full.
var stock = []struct {
	barcode string
	sides   int
	medium  libdisc.Medium
	blocks  int64 // formatted
}{
	{"RAM001", 2, libdisc.Medium{Name: "dvd-ram", Recording: libdisc.Overwrite, Blocks: 512, Align: 16}, 512},
	{"RAM002", 2, libdisc.Medium{Name: "dvd-ram", Recording: libdisc.Overwrite, Blocks: 512, Align: 16}, 512},
	{"DVD001", 2, libdisc.Medium{Name: "dvd+r", Recording: libdisc.Sequential, Blocks: 3000, Align: 16, TrackGap: 16, FirstGap: 64, LaterGap: 32}, 0},
	{"DRW001", 1, libdisc.Medium{Name: "dvd-rw", Recording: libdisc.Sequential, Rewritable: true, Blocks: 1500, Bordered: 1400, Align: 16, TrackGap: 16, FirstGap: 64, LaterGap: 32}, 0},
	{"CRW001", 1, libdisc.Medium{Name: "cd-rw", Recording: libdisc.Sequential, Rewritable: true, Blocks: 1500, Align: 1, RunOut: 2, TrackGap: 20, FirstGap: 50, LaterGap: 30}, 0},
}

func imageOf(barcode string, inverted bool) string {
	image := "/discs/" + barcode + ".iso"
	if inverted {
		return libdisc.SecondSide(image)
	}
	return image
}

// kept is a file system whose page cache loses nothing when a sync does not come:
// its process was killed, and no disk has failed.
type kept struct{ vfs.FS }

// OpenFile implements vfs.FS.
func (k kept) OpenFile(name string, flag int, mode fs.FileMode) (vfs.File, error) {
	f, err := k.FS.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return struct{ vfs.File }{f}, nil
}

func newJukebox(t *testing.T, random *rand.Rand) *jukebox {
	j := &jukebox{t: t, random: random, discs: &vfs.Memory{}, state: &vfs.Memory{}, drives: map[int]*opticalDrive{}, sides: map[string]*side{}}
	j.must(j.discs.MkdirAll("/discs", 0o700))
	var vols []smc.Volume
	for _, s := range stock {
		j.barcodes = append(j.barcodes, s.barcode)
		vols = append(vols, smc.Volume{Barcode: s.barcode, Dir: imageOf(s.barcode, false), Kind: personality.KindDisc, Medium: s.medium.Name, Sides: s.sides})
		for n := range s.sides {
			image := imageOf(s.barcode, n == 1)
			j.must(libdisc.Create(image, s.medium, libdisc.Options{FS: j.discs}))
			if s.blocks > 0 {
				d, err := libdisc.Open(image, libdisc.Options{FS: j.discs})
				j.must(err)
				j.must(d.SetFormat(libdisc.Random, s.blocks, 0, false))
				j.must(d.Close())
			}
			j.sides[image] = newSide(s.medium, s.blocks)
		}
	}
	j.must(j.discs.SyncDir("/discs"))
	j.must(j.discs.SyncDir("/"))
	for _, id := range opticalIDs {
		j.startDrive(id, &memory{})
	}
	j.startLibrary()
	t.Cleanup(func() {
		j.changer.Close()
		for _, d := range j.drives {
			d.unit.Close()
		}
	})
	_, err := j.changer.AddVolumes(vols, 1)
	j.must(err)
	return j
}

func (j *jukebox) must(err error) {
	j.t.Helper()
	if err != nil {
		j.t.Fatal(err)
	}
}

// startDrive starts a drive's process with what an earlier one left.
func (j *jukebox) startDrive(id int, m *memory) {
	j.t.Helper()
	model, err := personality.LoadRecorder("dvd-recorder")
	j.must(err)
	d := &opticalDrive{id: id, life: &life{}, memory: m, locked: map[string]bool{}}
	m.life = d.life
	d.unit, err = mmc.New(mmc.Options{
		Personality: model, Serial: fmt.Sprintf("OPT%07d", id), Memory: m,
		FS: vfs.Failing(kept{j.discs}, d.life.rule), Log: slog.New(slog.DiscardHandler),
	})
	j.must(err)
	j.must(d.unit.Resume(context.Background()))
	d.scsi = scsitest.InProcess(d.unit.Unit())
	j.mu.Lock()
	j.drives[id] = d
	j.mu.Unlock()
	if j.changer != nil {
		j.changer.DriveChanged(id, discHolds(d.unit.Status()))
	}
}

// restartDrive replaces a drive that died.
func (j *jukebox) restartDrive(id int) {
	d := j.drives[id]
	d.life.dead.Store(true)
	d.unit.Close()
	if image := d.unit.Status().File; image != "" {
		j.sides[image].died = true
	}
	j.startDrive(id, d.memory)
}

// startLibrary starts the library's process with what an earlier one left.
func (j *jukebox) startLibrary() {
	j.t.Helper()
	model, err := personality.LoadLibrary("dvd-jukebox")
	j.must(err)
	j.life = &life{}
	o := smc.Options{
		Personality: model, Serial: "JUKEBOX030", FS: vfs.Failing(kept{j.state}, j.life.rule), Dir: "/state",
		Configuration: smc.Configuration{Slots: 6, Mail: 1}, Drives: discReach{j, j.life},
		Log: slog.New(slog.DiscardHandler), Patience: -1, Retry: 5 * time.Millisecond,
	}
	for _, id := range opticalIDs {
		o.DriveElements = append(o.DriveElements, smc.DriveElement{
			ID: id, Identity: smc.DriveIdentity{Vendor: "VTL", Product: "DVD RECORDER", Serial: fmt.Sprintf("OPT%07d", id)},
		})
	}
	j.changer, err = smc.New(o)
	j.must(err)
	j.scsi = scsitest.InProcess(j.changer.Unit())
	j.must(j.changer.Audit(context.Background()))
}

// restartLibrary replaces a library that died, with all that it had written: what
// it had not synced only the page cache has.
func (j *jukebox) restartLibrary() {
	j.life.dead.Store(true)
	j.changer.Close()
	j.startLibrary()
}

// powerCut ends everything at once: of what nobody had synced a part is lost.
func (j *jukebox) powerCut() {
	keep := j.random.Float64()
	state, discs := j.state.Crash(j.random, keep), j.discs.Crash(j.random, keep)
	j.life.dead.Store(true)
	for _, d := range j.drives {
		d.life.dead.Store(true)
	}
	j.changer.Close()
	j.changer = nil
	j.state, j.discs = state, discs
	for _, s := range j.sides {
		s.died = true
	}
	for _, id := range opticalIDs {
		j.restartDrive(id)
	}
	j.startLibrary()
}

// discReach is how the jukebox reaches its drives: in the place of the message bus.
type discReach struct {
	j    *jukebox
	life *life
}

// call calls a drive.
func (x discReach) call(id int, f func(*opticalDrive) error) error {
	x.j.mu.Lock()
	d := x.j.drives[id]
	x.j.mu.Unlock()
	return x.life.call(d.life, func() error { return f(d) }, []refusal{
		{mmc.ErrPrevented, smc.ErrRemovalPrevented}, {mmc.ErrBusy, smc.ErrRemovalPrevented}, {mmc.ErrEmpty, smc.ErrDriveEmpty},
		{mmc.ErrFull, smc.ErrDriveFull}, {mmc.ErrIncompatible, smc.ErrIncompatible}, {mmc.ErrMemory, smc.ErrVolume}, {mmc.ErrRefused, smc.ErrVolume},
	})
}

// Insert implements smc.Drives.
func (x discReach) Insert(ctx context.Context, id int, v smc.Volume, moveID string) error {
	return x.call(id, func(d *opticalDrive) error {
		return d.unit.Insert(ctx, imageOf(v.Barcode, v.Inverted), v.Barcode, moveID)
	})
}

// Remove implements smc.Drives.
func (x discReach) Remove(ctx context.Context, id int, barcode, moveID string) error {
	return x.call(id, func(d *opticalDrive) error { return d.unit.Remove(ctx, barcode, moveID) })
}

// State implements smc.Drives.
func (x discReach) State(_ context.Context, id int) (st smc.DriveState, err error) {
	err = x.call(id, func(d *opticalDrive) error {
		st = discHolds(d.unit.Status())
		return nil
	})
	return st, err
}

func discHolds(s mmc.Status) smc.DriveState {
	return smc.DriveState{Barcode: s.Barcode, Loaded: s.Loaded, MoveID: s.MoveID, RemovalPrevented: s.Prevented && s.Loaded}
}
