package scsitest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"govtl/scsi"
)

// FuzzUnit sends whatever commands to a logical unit, from two nexuses: none may
// panic, hang, or end in a way that an initiator cannot understand. rows, the
// unit's command table, makes most of them ones that the unit carries out; skip,
// when not nil, leaves commands out. Each input is one unit's life.
func FuzzUnit(f *testing.F, rows []*scsi.Command, skip func(cdb []byte) bool, unit func(t *testing.T) scsi.LogicalUnit) {
	for _, r := range rows {
		cdb := make([]byte, r.CDBLength())
		cdb[0] = r.Opcode
		if r.HasServiceAction {
			cdb[1] = r.ServiceAction
		}
		f.Add(append(append([]byte{byte(len(cdb))}, cdb...), 4, 1, 2, 3, 4))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u := InProcess(unit(t))
		settle(t, u)
		for i := 0; len(b) > 0 && i < 64; i++ {
			var c Command
			c, b = nextCommand(b, rows)
			if len(c.CDB) == 0 || skip != nil && skip(c.CDB) {
				continue
			}
			r, err := u.Execute(string(rune('a'+i%2)), c)
			if err != nil {
				t.Fatalf("% X: %v", c.CDB, err)
			}
			if why := unsound(r); why != "" {
				t.Fatalf("% X, out % X: %v, sense % X: %s", c.CDB, c.Out, r.Status, r.Sense, why)
			}
		}
	})
}

// settle takes the unit attention conditions of both nexuses.
func settle(t testing.TB, u Unit) {
	for _, nexus := range []string{"a", "b"} {
		r := runner{env: &Env{Unit: u}, nexus: nexus}
		if err := r.attentions(); err != nil {
			t.Fatal(err)
		}
	}
}

// RandomUnit sends so many random commands to one logical unit, judged as in
// FuzzUnit. Most bits of the CDBs are zero, as in those that do something; mode
// pages and reservation keys are sent in lists that are nearly right. Now and
// then an initiator resets the unit, logs out or comes back.
func RandomUnit(t *testing.T, rows []*scsi.Command, skip func(cdb []byte) bool, lu scsi.LogicalUnit, count int, seed uint64) {
	t.Helper()
	r := randomInitiator{Rand: rand.New(rand.NewPCG(seed, 0)), unit: InProcess(lu), rows: rows}
	settle(t, r.unit)
	ends := map[string]int{}
	defer func() { t.Logf("how they ended: %v", ends) }()
	for i := range count {
		nexus := []string{"a", "a", "a", "b"}[r.IntN(4)]
		if err := r.event(nexus); err != nil {
			t.Fatalf("command %d of seed %d: %v", i, seed, err)
		}
		c := r.command(nexus)
		if skip != nil && skip(c.CDB) {
			continue
		}
		res, err := r.unit.Execute(nexus, c)
		if err != nil {
			t.Fatalf("command %d of seed %d, % X: %v", i, seed, c.CDB, err)
		}
		if why := unsound(res); why != "" {
			t.Fatalf("command %d of seed %d, %s, % X, out % X: %v, sense % X: %s", i, seed, res.Name, c.CDB, c.Out, res.Status, res.Sense, why)
		}
		if len(res.In) > 4 {
			r.last = res.In
		}
		end := res.Status.String()
		if s, err := scsi.DecodeSense(res.Sense); err == nil {
			end = fmt.Sprintf("%X/%02X/%02X", uint8(s.Key), uint8(s.ASC>>8), uint8(s.ASC))
		}
		ends[end]++
	}
}

// randomInitiator makes up commands.
type randomInitiator struct {
	*rand.Rand
	unit Unit
	rows []*scsi.Command
	last []byte // what came back last, to be sent again with a change
}

// event has something happen to the nexus, seldom.
func (r *randomInitiator) event(nexus string) error {
	switch r.IntN(400) {
	case 0:
		_, err := r.unit.Manage(nexus, scsi.LogicalUnitReset)
		return err
	case 1:
		return r.unit.Logout(nexus)
	case 2:
		return r.unit.Reconnect(nexus)
	}
	return nil
}

// command makes up the next command.
func (r *randomInitiator) command(nexus string) Command {
	row := r.rows[r.IntN(len(r.rows))]
	c := Command{CDB: make([]byte, row.CDBLength()), ExpectedOut: -1, ExpectedIn: -1}
	c.CDB[0] = row.Opcode
	for j, use := range row.Usage {
		switch r.IntN(6) {
		case 0:
			c.CDB[1+j] = byte(r.Uint32()) & use
		case 1, 2:
			c.CDB[1+j] = byte(r.IntN(5)) & use
		}
	}
	if row.HasServiceAction {
		c.CDB[1] = c.CDB[1]&^0x1F | row.ServiceAction
	}
	switch {
	case row.Opcode == 0x15 && r.IntN(4) > 0:
		r.modeSelect(nexus, &c)
	case row.Opcode == 0x5F && r.IntN(8) > 0:
		r.reserve(&c)
	case row.Data == scsi.DataOut:
		c.Out = make([]byte, r.IntN(300))
		copy(c.Out, r.last)
		r.spoil(c.Out, r.IntN(4))
	}
	if r.IntN(50) == 0 {
		r.spoil(c.CDB, 1)
	}
	return c
}

// spoil flips single bits.
func (r *randomInitiator) spoil(b []byte, bits int) {
	for ; bits > 0 && len(b) > 0; bits-- {
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
	}
}

// modeSelect fills in MODE SELECT(6) with what MODE SENSE(6) tells, changed a little.
func (r *randomInitiator) modeSelect(nexus string, c *Command) {
	page := byte(r.IntN(0x40))
	sense := []byte{0x1A, byte(r.IntN(2)) << 3, page, []byte{0, 0, 1, 0xF0, 0xFF}[r.IntN(5)], 0xFF, 0}
	res, err := r.unit.Execute(nexus, Command{CDB: sense, ExpectedOut: -1, ExpectedIn: -1})
	if err != nil || res.Status != scsi.Good {
		return
	}
	c.Out = res.In
	c.Out[0] = 0
	from := min(len(c.Out), 4+int(c.Out[3]))
	r.spoil(c.Out[from:], r.IntN(3))
	c.CDB[1], c.CDB[4], c.CDB[5] = 0x10|byte(r.IntN(8))/7, byte(len(c.Out)), 0
}

// reserve fills in PERSISTENT RESERVE OUT with one of a few keys and a type.
func (r *randomInitiator) reserve(c *Command) {
	c.Out = make([]byte, 24)
	c.Out[7], c.Out[15] = byte(r.IntN(3)), byte(r.IntN(3))
	c.CDB[2] = []byte{1, 3, 5, 6, 7, 8}[r.IntN(6)]
	copy(c.CDB[3:], []byte{0, 0, 0, 0, 0, 24, 0})
}

// nextCommand takes a command off the input: a byte with the length of the CDB
// (bits 4 to 0), the CDB, the length of Data-Out, Data-Out. With bit 7 of the
// first byte the CDB's first byte selects a row of the table instead, and the
// rest is cut to the bits that the row evaluates.
func nextCommand(b []byte, rows []*scsi.Command) (Command, []byte) {
	first := b[0]
	n := min(int(first&0x1F), len(b)-1)
	c := Command{CDB: append([]byte(nil), b[1:1+n]...), ExpectedOut: -1, ExpectedIn: -1}
	b = b[1+n:]
	if first&0x80 != 0 && n > 0 && len(rows) > 0 {
		r := rows[int(c.CDB[0])%len(rows)]
		c.CDB[0] = r.Opcode
		for i := 1; i < n && i <= len(r.Usage); i++ {
			c.CDB[i] &= r.Usage[i-1]
		}
		if r.HasServiceAction && n > 1 {
			c.CDB[1] = c.CDB[1]&^0x1F | r.ServiceAction
		}
	}
	if len(b) == 0 {
		return c, nil
	}
	n = min(int(b[0]), len(b)-1)
	c.Out = b[1 : 1+n]
	return c, b[1+n:]
}

// unsound says what is wrong with the end of a command, or nothing.
func unsound(r Result) string {
	switch r.Status {
	case scsi.Good, scsi.ReservationConflict, scsi.Busy:
		if len(r.Sense) > 0 {
			return "sense data without CHECK CONDITION"
		}
	case scsi.CheckCondition:
		s, err := scsi.DecodeSense(r.Sense)
		switch {
		case err != nil:
			return err.Error()
		case s.ASC == scsi.InternalTargetFailure:
			return "the handler failed" // an error without sense data, or a panic
		}
	default:
		return "no initiator expects it"
	}
	return ""
}
