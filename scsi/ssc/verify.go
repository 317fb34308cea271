package ssc

import (
	"errors"

	"govtl/libcart"
	"govtl/scsi"
)

// verification is what a VERIFY command asks for, SSC-4 6.7.
type verification struct {
	toEnd     bool // VTE: to the end of data
	filemarks bool // VBF: over so many filemarks
	compare   bool // BYTCMP
	fixed     bool
	length    uint64
}

// verify6 is VERIFY(6), SSC-4 6.7. VLBPM asks for logical block protection,
// which every stored block has; IMMED is done before it ends.
func (d *Drive) verify6(t *scsi.Task) error {
	b := t.CDB[1]
	return d.verify(t, verification{
		toEnd: b&0x20 != 0, filemarks: b&0x08 != 0, compare: b&0x02 != 0, fixed: b&0x01 != 0,
		length: uint64(be24(t.CDB[2:])),
	})
}

// verify reads and checks without sending anything.
func (d *Drive) verify(t *scsi.Task, v verification) error {
	n := d.nexus(t)
	switch {
	case v.compare:
		return scsi.InvalidFieldInCDBAt(1, 1)
	case v.toEnd && v.filemarks:
		return scsi.InvalidFieldInCDBAt(1, 5)
	case v.fixed && n.blockLength == 0:
		return withInformation(scsi.InvalidFieldInCDBAt(1, 0), int64(v.length))
	case v.toEnd || v.filemarks:
		return d.verifyOver(t, v)
	}
	if !v.fixed {
		if v.length == 0 {
			return nil
		}
		actual, err := d.verifyBlock(t, n, int(v.length))
		if err != nil {
			return withInformation(d.atEarlyWarning(err), int64(v.length))
		}
		if actual != int(v.length) {
			return &scsi.Sense{Key: scsi.NoSense, ILI: true, Valid: true, Information: int64(v.length) - int64(actual)}
		}
		return nil
	}
	want := v.want(n)
	for left := v.length; left > 0; left-- {
		if t.Aborted() {
			return scsi.TaskAborted
		}
		actual, err := d.verifyBlock(t, n, want)
		if err != nil {
			return withInformation(d.atEarlyWarning(err), int64(left))
		}
		if actual != want {
			return &scsi.Sense{Key: scsi.NoSense, ILI: true, Valid: true, Information: int64(left)}
		}
	}
	return nil
}

// want is the length of each block with FIXED, as an initiator would get it.
func (v verification) want(n *nexusState) int {
	if n.lbp.onRead() {
		return int(n.blockLength) + guardLength
	}
	return int(n.blockLength)
}

// verifyOver verifies blocks up to the n-th filemark or the end of data: of any length,
// or with FIXED of the block length. INFORMATION is how many filemarks were not passed;
// on the way to the end of data there is none.
func (d *Drive) verifyOver(t *scsi.Task, v verification) error {
	n := d.nexus(t)
	information := func(err error, left uint64) error {
		if v.toEnd {
			return err
		}
		return withInformation(err, int64(left))
	}
	for left := v.length; v.toEnd || left > 0; {
		if t.Aborted() {
			return scsi.TaskAborted
		}
		actual, err := d.verifyBlock(t, n, 0)
		s, ok := err.(*scsi.Sense)
		switch {
		case err == nil && v.fixed && actual != v.want(n):
			return information(&scsi.Sense{Key: scsi.NoSense, ILI: true}, left)
		case err == nil:
		case ok && s.Filemark:
			left--
		case ok && s.ASC == scsi.EndOfDataDetected && v.toEnd:
			return nil
		default:
			return information(d.atEarlyWarning(err), left)
		}
	}
	return nil
}

// atEarlyWarning is err with EOM when VERIFY has met the end of data beyond early
// warning, IBM GA32-0928 5.2.41.
func (d *Drive) atEarlyWarning(err error) error {
	s, ok := err.(*scsi.Sense)
	if !ok || s.ASC != scsi.EndOfDataDetected || d.in.cart.Zone() < libcart.ZoneEarlyWarning {
		return err
	}
	c := *s
	c.EOM = true
	return &c
}

// verifyBlock reads one object and returns the length of the block as an
// initiator would get it.
func (d *Drive) verifyBlock(t *scsi.Task, n *nexusState, most int) (int, error) {
	o, err := d.readBlock(t.Nexus, most)
	if errors.Is(err, libcart.ErrDamaged) {
		return 0, d.readError(err)
	}
	if err != nil {
		return 0, senseFor(err)
	}
	length := len(o.Block.B)
	o.Block.Release()
	if n.lbp.onRead() {
		length += guardLength
	}
	return length, nil
}
