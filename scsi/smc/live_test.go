package smc

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"govtl/internal/vfs"
	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/scsitest"
)

// attentions takes the pending unit attention conditions of a nexus.
func (l *library) attentions(nexus string) []string {
	l.t.Helper()
	var all []string
	for {
		r, err := l.unit.Execute(nexus, scsitest.Command{CDB: []byte{3, 0, 0, 0, 18, 0}, ExpectedOut: -1, ExpectedIn: -1})
		if err != nil {
			l.t.Fatal(err)
		}
		if r.In[2]&0xF != byte(scsi.UnitAttention) {
			return all
		}
		all = append(all, scsi.ASC(uint16(r.In[12])<<8|uint16(r.In[13])).String())
	}
}

// TestOthersGoOn: while a drive does not answer, everything else does, and the
// move can be aborted; closing does not wait for the drive.
func TestOthersGoOn(t *testing.T) {
	l := newLibrary(t, "ibm-03584", func(o *Options) { o.DriveTimeout = time.Hour })
	for _, n := range []string{"a", "b"} {
		l.attentions(n)
	}
	arrived := make(chan string, 4)
	l.bay.setFault(func(_ int, op string, _ int) fault {
		if op != "insert" {
			return works
		}
		arrived <- op
		return hangs
	})
	n := scsitest.NewNexus("mover")
	l.c.Unit().Attach(n)
	for {
		if _, ok := n.TakeAttention(); !ok {
			break
		}
	}
	done := make(chan *scsi.Task, 2)
	submit := func(from, to string) *scsi.Task {
		task, err := scsitest.NewTask(n, scsitest.Command{CDB: moveCDB(l.at(from), l.at(to)), ExpectedOut: -1, ExpectedIn: -1}, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		task.Transport = finished(done)
		l.c.Unit().Submit(task)
		return task
	}
	first := submit("slot 1", "drive 1")
	<-arrived
	second := submit("slot 2", "drive 2")
	for _, cdb := range [][]byte{
		{0, 0, 0, 0, 0, 0}, {0xB8, 0x10, 0, 0, 0xFF, 0xFF, 1, 0, 0xFF, 0xFF, 0, 0}, {0x1A, 8, 0x1D, 0, 255, 0},
		{0x1B, 0, 3, 0, 0, 0},
	} {
		if got := sense(l.do("b", cdb)); got != "GOOD" {
			t.Errorf("command %02Xh meanwhile: %s", cdb[0], got)
		}
	}
	if _, err := l.c.LoadMap(testVolume("NEW001L8")); err != nil {
		t.Error(err)
	}
	l.c.CloseMap()
	if n, err := l.c.AddSlot(t.Context(), 2); err != nil || n != 10 {
		t.Errorf("AddSlot: %d, %v", n, err)
	}
	if r := l.c.Unit().Manage(n, scsi.AbortTask, second); r != scsi.FunctionComplete {
		t.Errorf("ABORT TASK of a move that waits: %v", r)
	}
	if got := <-done; got != second {
		t.Error("the wrong task ended")
	}
	if r := l.c.Unit().Manage(n, scsi.AbortTask, first); r != scsi.FunctionComplete {
		t.Errorf("ABORT TASK of a move under way: %v", r)
	}
	if got := <-done; got != first || !got.Aborted() {
		t.Error("the aborted move did not end")
	}
	l.c.Unit().Detach(n, scsi.NexusClosed)
	l.c.Close()
	l.bay.setFault(nil)
	l.start()
	if w := l.where(); w["VTL001L8"] != "slot 1" || w["VTL002L8"] != "slot 2" {
		t.Errorf("volumes are at %v", w)
	}
}

// finished is the transport of a task.
type finished chan *scsi.Task

func (f finished) Finished(t *scsi.Task) { f <- t }

// TestCloseWhileMoving: a task whose drive hangs ends NOT READY when the library
// closes, and a drive that answers again is found out about at the next start.
func TestCloseWhileMoving(t *testing.T) {
	l := newLibrary(t, "ibm-03584", func(o *Options) { o.DriveTimeout = time.Hour })
	arrived := make(chan bool, 1)
	l.bay.setFault(func(_ int, op string, _ int) fault {
		if op == "insert" {
			arrived <- true
			return hangsDone
		}
		return works
	})
	outcome := make(chan string)
	go func() { outcome <- l.move("slot 1", "drive 1") }()
	<-arrived
	l.c.Close()
	if got := <-outcome; got != "2/04/00" {
		t.Errorf("the move ended with %s", got)
	}
	l.bay.setFault(nil)
	l.start()
	if w := l.where(); w["VTL001L8"] != "drive 1" {
		t.Errorf("the volume is in %s", w["VTL001L8"])
	}
}

// TestDriveComesBack: a drive that was away when the library started is found
// out about when it answers.
func TestDriveComesBack(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.bay.setFault(func(_ int, op string, _ int) fault {
		if op == "insert" {
			return lostReply
		}
		return works
	})
	if got := l.move("slot 1", "drive 1"); got != "2/04/00" {
		t.Fatal(got)
	}
	l.c.Close()
	l.bay.setFault(func(int, string, int) fault { return dead })
	l.start()
	if s := l.c.Status(); s.Unsettled != 1 {
		t.Errorf("%d moves are not settled", s.Unsettled)
	}
	if got := l.move("slot 1", "slot 8"); got != "2/04/07" {
		t.Errorf("a move of what is not settled: %s", got)
	}
	if !slices.Contains(l.kinds(), DriveLost) {
		t.Error("no event tells that the drive does not answer")
	}
	l.bay.setFault(nil)
	l.bay.change(11, func(*bayDrive) error { return nil }) // it tells of itself
	l.sync()
	if w := l.where(); w["VTL001L8"] != "drive 1" {
		t.Errorf("the volume is in %s", w["VTL001L8"])
	}
	k := l.kinds()
	if !slices.Contains(k, DriveBack) || !slices.Contains(k, Moved) {
		t.Errorf("events: %v", k)
	}
}

// TestStartFindsDrives: at start the drives say what they hold, whatever the
// inventory has.
func TestStartFindsDrives(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.opt.Find = func(b string) (Volume, bool) { return testVolume(b), b == "LOST01L8" }
	l.move("slot 1", "drive 1")
	l.c.Close()
	put := func(id int, barcode string) {
		l.bay.drives[id].volume, l.bay.drives[id].loaded = Volume{Barcode: barcode}, barcode != ""
	}

	put(11, "") // the drive has lost it: it is given it again
	l.start()
	if w := l.where(); w["VTL001L8"] != "drive 1" {
		t.Errorf("the drive was not given its volume again: %v", w)
	}
	l.c.Close()

	put(11, "VTL002L8") // another one
	l.start()
	if w := l.where(); w["VTL002L8"] != "drive 1" || w["VTL001L8"] != "slot 1" {
		t.Errorf("volumes are at %v", w)
	}
	l.c.Close()

	put(12, "LOST01L8") // one that nobody knew
	l.start()
	if w := l.where("LOST01L8"); w["LOST01L8"] != "drive 2" {
		t.Errorf("volumes are at %v", w)
	}
	if v := l.c.inventory().volume(Element{DataTransfer, 2}); v.Dir != testVolume("LOST01L8").Dir {
		t.Errorf("it is known as %v", v)
	}
	l.c.Close()

	put(11, "LOST01L8") // the drives have changed places
	put(12, "VTL002L8")
	l.start()
	if w := l.where("VTL002L8", "LOST01L8"); w["VTL002L8"] != "drive 2" || w["LOST01L8"] != "drive 1" {
		t.Errorf("volumes are at %v", w)
	}
}

// TestDamagedInventory: a file that does not read back is set aside, said, and
// keeps nothing from starting; what the drives hold is found.
func TestDamagedInventory(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.move("slot 1", "drive 1")
	l.c.Close()
	mem := l.opt.FS.(*vfs.Memory)
	name := "/state/" + inventoryName
	b := mem.Content(name)
	b[len(b)/2] ^= 1
	if err := vfs.ReplaceFile(mem, name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l.kinds()
	l.start()
	if !slices.Contains(l.kinds(), Damaged) {
		t.Error("no event tells of the damage")
	}
	entries, err := mem.ReadDir("/state")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasPrefix(e.Name(), inventoryName+".damaged-")
	}) {
		t.Error("the damaged file was not kept")
	}
	if e, ok := l.c.inventory().find("VTL001L8"); !ok || e != (Element{DataTransfer, 1}) {
		t.Errorf("what the drive holds is in %v, %v", e, ok)
	}
	vols := make([]Volume, 0, len(testBarcodes))
	for _, b := range testBarcodes {
		vols = append(vols, testVolume(b))
	}
	if _, err := l.c.AddVolumes(vols, 1); err != nil {
		t.Fatal(err)
	}
	if w := l.where(); w["VTL001L8"] != "drive 1" || w["CLN001L1"] != "slot 6" {
		t.Errorf("volumes are at %v", w)
	}
}

// TestHook: the operator's hook sees each move before it is made and can refuse it.
func TestHook(t *testing.T) {
	var seen []HookMove
	var refuse error
	l := newLibrary(t, "ibm-03584", func(o *Options) {
		o.Hook = func(_ context.Context, m HookMove) error { seen = append(seen, m); return refuse }
	})
	l.move("slot 1", "drive 1")
	refuse = errors.New("the door of the vault is open")
	if got := l.move("slot 2", "slot 8"); got != "2/04/03" {
		t.Errorf("a move that the hook refuses: %s", got)
	}
	want := []HookMove{
		{"VTL001L8", Element{Storage, 1}, Element{DataTransfer, 1}}, {"VTL002L8", Element{Storage, 2}, Element{Storage, 8}},
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the hook saw %v", seen)
	}
	if !strings.Contains(l.c.Status().LastError, "vault") {
		t.Errorf("last error: %q", l.c.Status().LastError)
	}
	if w := l.where(); w["VTL002L8"] != "slot 2" {
		t.Errorf("the volume is in %s", w["VTL002L8"])
	}
}

// TestReconfigureDrives: drives come and go while the library runs.
func TestReconfigureDrives(t *testing.T) {
	l := newLibrary(t, "stk-l700")
	l.move("slot 1", "drive 2")
	l.attentions("a")
	cfg := l.opt.Configuration
	drives := cfg.DriveElements
	if err := l.c.Reconfigure(t.Context(), cfg); err != nil || len(l.attentions("a")) != 0 {
		t.Errorf("a configuration that changes nothing: %v, or a unit attention condition", err)
	}
	cfg.DriveElements = drives[:1]
	if err := l.c.Reconfigure(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "drive 12 holds VTL001L8") {
		t.Errorf("a drive that holds a volume is taken away: %v", err)
	}
	l.move("drive 2", "slot 1")
	if err := l.c.Reconfigure(t.Context(), cfg); err != nil {
		t.Error(err)
	}
	if got := l.attentions("a"); !slices.Equal(got, []string{scsi.NotReadyToReadyChange.String(), scsi.ModeParametersChanged.String()}) {
		t.Errorf("unit attention conditions: %v", got)
	}
	if got := l.move("slot 1", "drive 1"); got != "GOOD" {
		t.Error(got)
	}
	if got := sense(l.do("a", moveCDB(l.at("slot 2"), 0x1F5))); got != "5/21/01" {
		t.Errorf("a move to a drive that is gone: %s", got)
	}
	l.bay.mu.Lock()
	l.bay.drives[13] = &bayDrive{}
	l.bay.mu.Unlock()
	third := testDrive(13)
	third.Element = 3
	cfg.DriveElements = []DriveElement{drives[0], third} // element 2 has no drive
	if err := l.c.Reconfigure(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if got := l.move("slot 2", "drive 3"); got != "GOOD" {
		t.Error(got)
	}
	if got := l.move("slot 3", "drive 2"); got != "5/21/01" {
		t.Errorf("a move to an element without a drive: %s", got)
	}
	r := l.do("a", []byte{0xB8, 0x14, 0, 0, 0xFF, 0xFF, 1, 0, 0xFF, 0xFF, 0, 0})
	if n := len(checkReport(t, r.In, true)); n != 3 {
		t.Errorf("%d data transfer elements", n)
	}
	if d := r.In[16+86:]; d[2] != statusExcept || d[4] != 0x3B || d[5] != 0x1A {
		t.Errorf("an element without a drive: % X", d[:12])
	}
	cfg.Slots, cfg.Mail = 3, 0
	if err := l.c.Reconfigure(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if w := l.where(); w["VTL005L8"] != "shelf" || w["VTL002L8"] != "drive 3" || w["VTL003L8"] != "slot 3" {
		t.Errorf("volumes are at %v", w)
	}
	for _, bad := range []Configuration{
		{Slots: -1, DriveElements: cfg.DriveElements}, {Slots: 3, Mail: 1000, DriveElements: cfg.DriveElements},
		{Slots: 3, DriveElements: []DriveElement{drives[0], drives[0]}}, {Slots: 3, Pickers: 2, DriveElements: cfg.DriveElements},
		{Slots: 3, DriveElements: []DriveElement{{ID: 11, Element: 1}, {ID: 12, Element: 1}}},
		{Slots: 3, DriveElements: []DriveElement{{ID: 11, Element: 1 << 20}}},
	} {
		if err := l.c.Reconfigure(t.Context(), bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	l.opt.Configuration = cfg
	l.restart()
	l.where()
}

// TestAlerts: a drive that does not answer raises TapeAlert 16h, each nexus
// reads it once.
func TestAlerts(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.bay.setFault(func(int, string, int) fault { return dead })
	l.move("slot 1", "drive 1")
	read := func(nexus string) byte {
		r := l.do(nexus, []byte{0x4D, 0, 0x6E, 0, 0, 0, 0, 1, 0, 0})
		return r.In[4+5*(alertDriveOffline-1)+4]
	}
	for _, n := range []string{"a", "b"} {
		if got := read(n); got != 1 {
			t.Errorf("nexus %s reads flag 16h as %d", n, got)
		}
		if got := read(n); got != 0 {
			t.Errorf("nexus %s reads flag 16h again", n)
		}
	}
	l.bay.setFault(nil)
	if err := l.c.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read("c"); got != 0 {
		t.Error("flag 16h stays although all drives answer")
	}
	l.attentions("c")
	l.c.SetOnline(false)
	if r := l.do("c", []byte{3, 0, 0, 0, 18, 0}); r.In[2]&0xF != byte(scsi.NotReady) || r.In[12] != 4 || r.In[13] != 0x12 {
		t.Errorf("REQUEST SENSE while offline: % X", r.In)
	}
}

// TestOptionsRefused: what cannot be is told.
func TestOptionsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"too many slots", func(o *Options) { o.Slots = 70000 }, "has room for"},
		{"too many mail slots", func(o *Options) { o.Mail = 257 }, "has room for"},
		{"two drives in one element", func(o *Options) { o.DriveElements[0].Element, o.DriveElements[1].Element = 1, 1 }, "both in element 1"},
		{"long serial", func(o *Options) { o.Serial = "SERIAL-OF-16-CHR" }, "longer than"},
		{"no model", func(o *Options) { o.Personality = nil }, "Personality"},
	} {
		l := prepareLibrary(t, "ibm-03584", c.change)
		if got, err := New(l.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
			if err == nil {
				got.Close()
			}
		}
	}
}

// TestSupportedOperationCodes: REPORT SUPPORTED OPERATION CODES lists every
// command that is done, and each of them is known.
func TestSupportedOperationCodes(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	r := l.do("a", []byte{0xA3, 0x0C, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0})
	if r.Status != scsi.Good {
		t.Fatal(sense(r))
	}
	listed := map[byte]bool{}
	for b := r.In[4:]; len(b) >= 8; b = b[8:] {
		listed[b[0]] = true
		if b[5]&0x02 != 0 {
			b = b[12:]
		}
	}
	for _, cmd := range l.c.Server().Table().Commands() {
		if listed[cmd.Opcode] == (cmd.Missing != "") {
			t.Errorf("%s (%02Xh): listed %v", cmd.Name, cmd.Opcode, listed[cmd.Opcode])
		}
		if cmd.Missing != "" {
			continue
		}
		cdb := make([]byte, cmd.CDBLength())
		cdb[0] = cmd.Opcode
		if cmd.HasServiceAction {
			cdb[1] = cmd.ServiceAction
		}
		if got := sense(l.do("a", cdb)); got == "5/20/00" || got[0] == '4' {
			t.Errorf("%s: %s", cmd.Name, got)
		}
	}
	for _, name := range personality.LibraryNames() {
		if m, err := personality.LoadLibrary(name); err != nil || m.Timeouts["*"] == 0 {
			t.Errorf("%s: no command timeout, %v", name, err)
		}
	}
}

// TestUnsaved: a drive that could not save what was written lets go of the
// volume: it is where it was to go, and the loss is told.
func TestUnsaved(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.move("slot 1", "drive 1")
	l.bay.setFault(func(int, string, int) fault { return unsaved })
	if got := l.move("drive 1", "slot 1"); got != "GOOD" {
		t.Errorf("the move: %s", got)
	}
	if w := l.where(); w["VTL001L8"] != "slot 1" {
		t.Errorf("the volume is in %s", w["VTL001L8"])
	}
	if !slices.Contains(l.kinds(), Alert) {
		t.Error("no event tells of the loss")
	}
}

// TestDeadline: a drive that hangs costs a command its deadline and no more.
func TestDeadline(t *testing.T) {
	for _, f := range []fault{hangs, hangsDone} {
		l := newLibrary(t, "ibm-03584", func(o *Options) { o.DriveTimeout = time.Millisecond })
		l.bay.setFault(func(_ int, op string, _ int) fault {
			if op == "insert" {
				return f
			}
			return works
		})
		if got := l.move("slot 1", "drive 1"); got != "2/04/00" {
			t.Errorf("the move: %s", got)
		}
		l.bay.setFault(nil)
		l.c.Close()
		l.opt.DriveTimeout = time.Minute
		l.start()
		want := map[fault]string{hangs: "slot 1", hangsDone: "drive 1"}[f]
		if w := l.where(); w["VTL001L8"] != want {
			t.Errorf("the volume is in %s, not in %s", w["VTL001L8"], want)
		}
	}
}

// TestDeadDriveGoes: a drive that never answers again can be taken away; what it
// held is on the shelf, a move that it left open is settled.
func TestDeadDriveGoes(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.move("slot 1", "drive 1")
	died := false // drive 12, as it took the volume: nobody may be told by it where that is
	l.bay.setFault(func(_ int, op string, id int) fault {
		switch {
		case id == 11 || died:
			return dead
		case op == "insert":
			died = true
			return lostReply
		}
		return works
	})
	l.move("slot 2", "drive 2")
	l.move("drive 1", "slot 1")
	l.move("drive 2", "slot 2")
	cfg := Configuration{Slots: 8, Mail: 2}
	if err := l.c.Reconfigure(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if n := l.c.Status().Unsettled; n != 0 {
		t.Errorf("%d moves are not settled", n)
	}
	inv := l.c.inventory()
	if _, ok := inv.onShelf("VTL001L8"); !ok {
		t.Error("what the dead drive held is not on the shelf")
	}
	if e, _ := inv.find("VTL002L8"); e != (Element{Storage, 2}) {
		t.Errorf("the volume of the open move is in %s", e)
	}
	l.bay.replace(11, 12)
	if err := l.c.Reconfigure(t.Context(), l.opt.Configuration); err != nil {
		t.Fatal(err)
	}
	if got := l.move("slot 2", "drive 2"); got != "GOOD" {
		t.Errorf("with new drives: %s", got)
	}
	l.where()
}

// TestPatience: a move waits for a drive whose daemon is being started again.
func TestPatience(t *testing.T) {
	l := newLibrary(t, "ibm-03584", func(o *Options) { o.Patience = time.Minute })
	asked := 0
	l.bay.setFault(func(_ int, op string, _ int) fault {
		if asked++; asked < 3 {
			return dead
		}
		return works
	})
	if got := l.move("slot 1", "drive 1"); got != "GOOD" {
		t.Errorf("the move: %s", got)
	}
	l.where()
}
