package scsi_test

import (
	"bytes"
	"testing"

	"govtl/internal/buffer"
	. "govtl/scsi"
)

func TestTaskData(t *testing.T) {
	tk := &Task{ExpectedOut: 4, Out: buffer.Default.Get(4)}
	copy(tk.Out.B, "data")
	if b, err := tk.DataOut(3); err != nil || string(b) != "dat" || !tk.WantedSet || tk.Wanted != 3 {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := tk.DataOut(0); err != nil || b != nil || tk.Wanted != 0 {
		t.Errorf("nothing: %q, %v", b, err)
	}
	if _, err := tk.DataOut(5); err == nil || err.(*Sense).ASC != InvalidFieldInCommandInformationUnit || tk.Wanted != 5 {
		t.Errorf("more than there is: %v", err)
	}
	out := tk.TakeOut()
	if tk.Out != nil || string(out.B) != "data" {
		t.Error("TakeOut")
	}
	out.Release()

	long := bytes.Repeat([]byte("x"), buffer.MaxSize+10)
	tk.Reply(long, len(long)+5)
	tk.Reply([]byte("abc"), 2)
	tk.ReplyBuffer(buffer.Default.Get(7))
	if len(tk.In) != 4 || tk.InLength() != uint64(len(long)+2+7) || string(tk.In[2].B) != "ab" {
		t.Errorf("%d buffers, %d bytes", len(tk.In), tk.InLength())
	}
	tk.DropIn()
	if len(tk.In) != 0 {
		t.Error("DropIn")
	}
	tk.Abort()
	tk.Abort()
	<-tk.Done()
	tk.Reset()
	if tk.Aborted() || tk.Wanted != 0 || cap(tk.In) == 0 {
		t.Error("Reset")
	}
}

func TestLUNs(t *testing.T) {
	for _, c := range []struct {
		lun LUN
		n   uint16
		ok  bool
	}{
		{LUN{}, 0, true}, {LUN{0, 5}, 5, true}, {LUN{0x40, 0}, 0, true}, {LUN{0x7F, 0xFF}, 0x3FFF, true},
		{LUN{1, 5}, 0, false}, {LUN{0x80, 1}, 0, false}, {LUN{0xC1, 1}, 0, false}, {LUN{0, 0, 0, 1}, 0, false},
	} {
		if n, ok := c.lun.Number(); ok != c.ok || ok && n != c.n {
			t.Errorf("%x: %d, %v", c.lun, n, ok)
		}
	}
	n := &Nexus{InitiatorName: "iqn.2026-11.test:x", ISID: [6]byte{0x40, 0, 1, 0x37, 0, 2}}
	if p := n.InitiatorPort(); p != "iqn.2026-11.test:x,i,0x400001370002" {
		t.Error(p)
	}
}

func TestTables(t *testing.T) {
	run := func(*machine, *Task) error { return nil }
	good := Row[*machine]{Command: Command{Name: "GOOD", Clause: "test", Usage: make([]byte, 5)}, Run: run}
	table, err := Table[*machine]{0x10: {good}, 0x0A: {cmd("FIRST", run)}}.Finish()
	if err != nil {
		t.Fatal(err)
	}
	all := table.Commands()
	if len(all) != 2 || all[0].Name != "FIRST" || all[1].Opcode != 0x10 || all[1].CDBLength() != 6 {
		t.Errorf("%+v", all)
	}
	if table, err = (Table[*machine]{0x10: {good}}).Finish("GOOD"); err != nil || len(table.Commands()) != 0 {
		t.Errorf("without GOOD: %v", err)
	}
	if _, err := (Table[*machine]{0x10: {good}}).Finish("BAD"); err == nil {
		t.Error("a model is without a command that nobody has: accepted")
	}
	for name, spoil := range map[string]func(*Row[*machine]){
		"no name":             func(r *Row[*machine]) { r.Name = "" },
		"no clause":           func(r *Row[*machine]) { r.Clause = "" },
		"short usage map":     func(r *Row[*machine]) { r.Usage = r.Usage[:4] },
		"no handler":          func(r *Row[*machine]) { r.Run = nil },
		"missing and handled": func(r *Row[*machine]) { r.Missing = "why" },
	} {
		r := good
		spoil(&r)
		if _, err := (Table[*machine]{0x10: {r}}).Finish(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if s := ReservationConflict.Error(); s != "RESERVATION CONFLICT" {
		t.Error(s)
	}
	if s := Status(0x33).String(); s != "status 33h" {
		t.Error(s)
	}
	why := NewSense(DataProtect, WriteProtected).Because("the tab of %s is set", "VTL001L9")
	if s := why.Error(); s != "DATA PROTECT, WRITE PROTECTED (7/27/00): the tab of VTL001L9 is set" {
		t.Error(s)
	}
}
