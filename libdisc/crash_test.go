package libdisc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"govtl/internal/vfs"
)

// rounds is how often a randomised test runs; LIBDISC_ROUNDS multiplies it.
func rounds(n int) int {
	if f, err := strconv.Atoi(os.Getenv("LIBDISC_ROUNDS")); err == nil && f > 0 {
		return n * f
	}
	return n
}

// crashMedia are small discs of each way of recording.
var crashMedia = []Medium{
	{Name: "seq", Recording: Sequential, Blocks: 2000, Align: 16, TrackGap: 16, FirstGap: 64, LaterGap: 32},
	{Name: "rw", Recording: Sequential, Rewritable: true, Blocks: 2000, Bordered: 1900, Align: 16, TrackGap: 16, FirstGap: 64, LaterGap: 32},
	{Name: "cd", Recording: Sequential, Rewritable: true, Blocks: 2000, Align: 1, RunOut: 2, TrackGap: 20, FirstGap: 50, LaterGap: 30},
	{Name: "over", Recording: Overwrite, Blocks: 400, Align: 16},
	{Name: "pow", Recording: Sequential, Blocks: 2000, Align: 32},
}

// crashSimple is what an image alone is: small.
func crashSimple(size int64) Medium {
	if size == 0 {
		return crashMedia[0]
	}
	return rom
}

// discModel is what a disc may be after a power cut.
type discModel struct {
	description
	described bool
	durable   int64          // the open track is recorded at least to here
	content   map[int64]byte // what each block was last written with; 0: zeros
	unsynced  map[int64]bool // blocks that may be as they were before, or torn
}

func modelOf(d *Disc, was discModel) discModel {
	m := discModel{description: d.next(), described: d.described, durable: was.durable, content: map[int64]byte{}, unsynced: map[int64]bool{}}
	for lba, c := range was.content {
		m.content[lba] = c
	}
	for lba := range was.unsynced {
		m.unsynced[lba] = true
	}
	return m
}

// filled are n blocks of a byte.
func filled(c byte, n int64) []byte { return bytes.Repeat([]byte{c}, int(n*BlockSize)) }

// differs says how a disc is not what the model allows; empty: it is.
func (m *discModel) differs(e *Disc) string {
	if !m.described && !e.described { // an image alone: blank, or a ROM
		if (m.Medium.Recording == ROM) != (e.Medium.Recording == ROM) {
			return "a ROM or not"
		}
	} else if e.described {
		if m.Form != e.Form || m.Sessions != e.Sessions || m.Final() != e.Final() || m.Minimal() != e.Minimal() || len(m.Tracks) < len(e.Tracks()) {
			return fmt.Sprintf("form %q, %d sessions, %d tracks; the model: %q, %d, %d", e.Form, e.Sessions, len(e.Tracks()), m.Form, m.Sessions, len(m.Tracks))
		}
		if e.Form != Intermediate && m.Formatted != e.Formatted {
			return fmt.Sprintf("%d formatted, not %d", e.Formatted, m.Formatted)
		}
	}
	if len(e.Tracks()) < len(m.Tracks) {
		if t := &m.Tracks[len(m.Tracks)-1]; t.Closed || m.durable > t.Start || len(m.Tracks)-len(e.Tracks()) > 1 {
			return fmt.Sprintf("%d tracks of %d", len(e.Tracks()), len(m.Tracks))
		}
	}
	for i := range e.Tracks() {
		t, want := e.Tracks()[i], m.Tracks[i]
		if t.Closed != want.Closed || t.Start != want.Start || t.Size != want.Size {
			return fmt.Sprintf("track %+v, not %+v", t, want)
		}
		if t.Next > want.Next || !t.Closed && t.Next < min(m.durable, want.Next) {
			return fmt.Sprintf("track %+v, durable to %d of %d", t, m.durable, want.Next)
		}
		if t.Next == t.Start {
			continue
		}
		p := make([]byte, (t.Next-t.Start)*BlockSize)
		if err := e.Read(t.Start, p); err != nil {
			return err.Error()
		}
		for n := range t.Next - t.Start {
			if !m.unsynced[t.Start+n] && !bytes.Equal(p[n*BlockSize:][:BlockSize], filled(m.content[t.Start+n], 1)) {
				return fmt.Sprintf("block %d reads otherwise", t.Start+n)
			}
		}
	}
	if e.Medium.Recording == ROM {
		if e.Medium.Blocks != m.Medium.Blocks {
			return fmt.Sprintf("a ROM of %d blocks, not %d", e.Medium.Blocks, m.Medium.Blocks)
		}
		p := make([]byte, e.Medium.Blocks*BlockSize)
		if err := e.Read(0, p); err != nil {
			return err.Error()
		}
		for lba := range e.Medium.Blocks {
			if !bytes.Equal(p[lba*BlockSize:][:BlockSize], filled(m.content[lba], 1)) {
				return fmt.Sprintf("block %d reads otherwise", lba)
			}
		}
	}
	if e.Form.random() {
		p := make([]byte, BlockSize)
		for lba := range min(e.Formatted, m.Formatted) {
			if err := e.Read(lba, p); err != nil {
				return err.Error()
			}
			if !m.unsynced[lba] && !bytes.Equal(p, filled(m.content[lba], 1)) {
				return fmt.Sprintf("block %d reads %02x, written were %02x", lba, p[0], m.content[lba])
			}
		}
	}
	r, err := e.Verify(context.Background(), nil)
	if err != nil || len(r.Damages) > 0 {
		return fmt.Sprintf("verify: %+v, %v", r, err)
	}
	return ""
}

// Final and Minimal tell the fields of the description from the methods of Disc.
func (m *discModel) Final() bool   { return m.Medium.Recording == ROM || m.description.Final }
func (m *discModel) Minimal() bool { return m.description.Minimal }

// TestCrashEverywhere burns, closes, blanks and formats at random, and cuts the
// power before every file operation: what was acknowledged as durable is there,
// with the right checksums, nothing is there that was not written, and the disc
// can be gone on with.
func TestCrashEverywhere(t *testing.T) {
	for seed := range rounds(20) {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		mem := &vfs.Memory{}
		var cuts []*vfs.Memory
		cut := func() { cuts = append(cuts, mem.Crash(r, []float64{0, 1, r.Float64()}[r.IntN(3)])) }
		if n := len(crashMedia); seed%(n+1) == n {
			put(t, mem, "/d.iso", nil) // the simple model
		} else {
			ok(t, Create("/d.iso", crashMedia[seed%(n+1)], Options{FS: mem}))
			if crashMedia[seed%(n+1)].Name == "pow" {
				d := opened(t, mem)
				ok(t, d.SetFormat(Pseudo, 1800, 0, false), d.Close())
			}
		}
		ok(t, mem.SyncDir("/"))
		d, err := Open("/d.iso", Options{FS: vfs.Failing(mem, func(vfs.Op) error { cut(); return nil }), Simple: crashSimple})
		ok(t, err)
		m := modelOf(d, discModel{})
		for step := range 25 {
			before := m
			cuts = nil
			after := modelOf(d, before)
			name, err := crashStep(r, d, &after, byte(step%8+1))
			if err != nil {
				t.Fatalf("seed %d, step %d: %s: %v", seed, step, name, err)
			}
			m = modelOf(d, after)
			for i, g := range cuts {
				if why := goesOn(g, before, m); why != "" {
					t.Fatalf("seed %d, step %d (%s), cut %d of %d: %s", seed, step, name, i+1, len(cuts), why)
				}
			}
			cuts = nil
			cut()
			if why := goesOn(cuts[0], m); why != "" {
				t.Fatalf("seed %d, after step %d (%s): %s", seed, step, name, why)
			}
			if !d.Form.random() && d.Form != Pseudo || name == "sync" || name == "complete" || name == "format" || name == "close track" {
				clear(m.unsynced)
			}
		}
	}
}

// crashStep does one thing to a disc, at random, and tells the model.
func crashStep(r *rand.Rand, d *Disc, m *discModel, color byte) (string, error) {
	durable := func(name string, err error) (string, error) {
		m.durable = d.recordedEnd()
		return name, err
	}
	switch n := r.IntN(12); {
	case n == 0:
		return durable("sync", d.Sync())
	case n == 1 && d.Medium.Rewritable && !d.locked:
		clear(m.content)
		return durable("erase", d.Erase(r.IntN(2) == 0))
	case n == 2 && d.Medium.Recording == Overwrite || n == 2 && d.Medium.Name == "rw":
		form, blocks := Random, int64(400)
		if d.Medium.Name == "rw" {
			form, blocks = Intermediate, 0
		}
		for lba := range int64(2000) { // what is lost may be there still
			m.unsynced[lba] = true
		}
		clear(m.content)
		return durable("format", d.SetFormat(form, blocks, 0, true))
	case n == 3 && d.Form == Intermediate:
		return durable("complete", d.Complete())
	case d.Form.random():
		lba, count := int64(r.IntN(20)*16), int64(16*(1+r.IntN(3)))
		if d.Form == Intermediate {
			lba = min(lba, d.Formatted)
		}
		if d.Form == Restricted && lba+count > d.Formatted {
			return "nothing", nil
		}
		for i := lba; i < lba+count; i++ {
			m.content[i], m.unsynced[i] = color, true
		}
		return "write", d.Write(lba, filled(color, count), Mode{})
	case d.Medium.Recording == Overwrite:
		return "nothing", nil
	}
	open, number := d.Open()
	lba, can := d.NWA()
	switch n := r.IntN(8); {
	case n == 0 && open != nil:
		return durable("close track", d.CloseTrack(number))
	case n > 4 && d.Form == Pseudo && lba > 40:
		at, count := int64(r.IntN(int(lba)-40)), int64(1+r.IntN(40))
		if !d.recorded(at, count) {
			return "nothing", nil
		}
		for i := at; i < at+count; i++ {
			m.content[i], m.unsynced[i] = color, true
		}
		return "replace", d.Write(at, filled(color, count), Mode{})
	case n == 1 && d.SessionOpen() && d.Form != Pseudo:
		return durable("close session", d.CloseSession(r.IntN(4) == 0))
	case n == 2 && can && open == nil && d.Capacity()-lba > 64:
		return "reserve", d.Reserve(int64(1+r.IntN(50)), Mode{})
	case !can:
		return "nothing", nil
	}
	limit := d.Capacity()
	if open != nil && open.Reserved > 0 {
		limit = open.Start + open.Reserved
	}
	count := min(int64(1+r.IntN(40)), limit-lba)
	if count <= 0 {
		return "nothing", nil
	}
	for i := lba; i < lba+count; i++ {
		m.content[i] = color
	}
	return "write", d.Write(lba, filled(color, count), Mode{})
}

// goesOn opens what a power cut left: it must be what one of the models allows,
// and a disc that can be added to must take more.
func goesOn(g *vfs.Memory, allowed ...discModel) string {
	e, err := Open("/d.iso", Options{FS: g, Simple: crashSimple})
	if err != nil {
		return err.Error()
	}
	var all []string
	for i := range allowed {
		why := allowed[i].differs(e)
		if why == "" {
			all = nil
			break
		}
		all = append(all, why)
	}
	if len(all) > 0 {
		return strings.Join(all, "; or ")
	}
	if lba, can := e.NWA(); can && e.Capacity()-lba >= 64 {
		if t, _ := e.Open(); t == nil || t.Reserved == 0 {
			last := func() error { return e.CloseSession(true) }
			if e.Form == Pseudo {
				last = e.Sync
			}
			if err := errors.Join(e.Write(lba, filled(9, 3), Mode{}), last()); err != nil {
				return "going on: " + err.Error()
			}
		}
	}
	if err := e.Close(); err != nil {
		return "closing: " + err.Error()
	}
	return ""
}
