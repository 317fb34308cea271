package mmc

import (
	"encoding/binary"
	"errors"

	"govtl/internal/buffer"
	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

func be16(b []byte) int { return int(binary.BigEndian.Uint16(b)) }

// lba decodes an address, which is signed: a CD begins at -150.
func lba(b []byte) int64 { return int64(int32(binary.BigEndian.Uint32(b))) }

// count32 decodes a transfer length of four bytes.
func count32(b []byte) int64 { return int64(binary.BigEndian.Uint32(b)) }

// read10 is READ(10), MMC-6 6.16.
func (d *Drive) read10(t *scsi.Task) error { return d.read(t, lba(t.CDB[2:]), int64(be16(t.CDB[7:]))) }

// read12 is READ(12), MMC-6 6.17.
func (d *Drive) read12(t *scsi.Task) error { return d.read(t, lba(t.CDB[2:]), count32(t.CDB[6:])) }

// readPiece is how many blocks a buffer holds.
const readPiece = 512

// read sends blocks.
func (d *Drive) read(t *scsi.Task, at, n int64) error {
	if err := d.disc.CanRead(at, n); err != nil {
		return senseFor(err)
	}
	if n > maxTransfer/libdisc.BlockSize {
		return scsi.InvalidFieldInCDBAt(6, -1).Because("%d blocks are more than one command can carry", n)
	}
	for n > 0 {
		took := min(n, readPiece)
		b := buffer.Default.Get(int(took) * libdisc.BlockSize)
		t.ReplyBuffer(b)
		if err := d.disc.Read(at, b.B); err != nil {
			t.DropIn()
			return d.failedRead(err)
		}
		at, n = at+took, n-took
		d.totals.bytesRead.Add(uint64(len(b.B)))
	}
	return nil
}

// failedRead is the sense data of a read that the files failed: for a damaged
// block with its address.
func (d *Drive) failedRead(err error) error {
	d.totals.readErrors.Add(1)
	s := scsi.NewSense(scsi.MediumError, scsi.UnrecoveredReadError).Because("%v", err)
	if bad, ok := errors.AsType[*libdisc.BlockError](err); ok {
		s.Valid, s.Information = true, bad.LBA
		d.log.Error("a block of the disc is damaged", "file", d.file, "block", bad.LBA)
	}
	return s
}

// verify is VERIFY(10), MMC-6 6.43: the blocks are read, and go nowhere.
func (d *Drive) verify(t *scsi.Task) error {
	if t.CDB[1]&0x02 != 0 {
		return scsi.InvalidFieldInCDBAt(1, 1)
	}
	at, n := lba(t.CDB[2:]), int64(be16(t.CDB[7:]))
	if err := d.disc.CanRead(at, n); err != nil {
		return senseFor(err)
	}
	b := buffer.Default.Get(readPiece * libdisc.BlockSize)
	defer b.Release()
	for n > 0 {
		took := min(n, readPiece)
		if err := d.disc.Read(at, b.B[:took*libdisc.BlockSize]); err != nil {
			return d.failedRead(err)
		}
		at, n = at+took, n-took
	}
	return nil
}

// seek is SEEK(10), MMC-6 6.32.
func (d *Drive) seek(t *scsi.Task) error {
	if lba(t.CDB[2:]) >= max(d.disc.Capacity(), d.disc.Readable()) {
		return illegal(scsi.LogicalBlockAddressOutOfRange)
	}
	return nil
}

// write10 is WRITE(10), MMC-6 6.44, and WRITE AND VERIFY(10).
func (d *Drive) write10(t *scsi.Task) error {
	return d.write(t, lba(t.CDB[2:]), int64(be16(t.CDB[7:])))
}

// write12 is WRITE(12), MMC-6 6.45.
func (d *Drive) write12(t *scsi.Task) error { return d.write(t, lba(t.CDB[2:]), count32(t.CDB[6:])) }

// write takes blocks. They are durable after SYNCHRONIZE CACHE.
func (d *Drive) write(t *scsi.Task, at, n int64) error {
	if n > maxTransfer/libdisc.BlockSize {
		return scsi.InvalidFieldInCDBAt(6, -1).Because("%d blocks are more than one command can carry", n)
	}
	p, err := t.DataOut(int(n) * libdisc.BlockSize)
	if err != nil || n == 0 {
		return err
	}
	m, err := d.writeMode()
	if err != nil {
		return err
	}
	if d.cue != nil && at < 0 { // the pregap of a CD written at once
		if at < -pregap || at+n > 0 && at+n > d.cue.blocks {
			return illegal(scsi.InvalidAddressForWrite)
		}
		if n <= -at {
			return nil
		}
		p, at = p[-at*libdisc.BlockSize:], 0
	}
	if err := d.disc.Write(at, p, m); err != nil {
		return d.failedWrite(err)
	}
	d.totals.bytesWritten.Add(uint64(len(p)))
	d.publishWritten()
	return nil
}

// failedWrite is the sense data of a write, which is counted when the files failed.
func (d *Drive) failedWrite(err error) error {
	err = senseFor(err)
	if s, ok := errors.AsType[*scsi.Sense](err); ok && s.Key == scsi.MediumError {
		d.totals.writeErrors.Add(1)
	}
	return err
}

// writeMode is how a write on this medium is to be done, by page 05h, and the
// refusal of one that cannot be.
func (d *Drive) writeMode() (libdisc.Mode, error) {
	if !d.disc.Sequential() || d.disc.Final() {
		return libdisc.Mode{}, nil
	}
	open, _ := d.disc.Open()
	switch {
	case d.kind.Class == personality.ClassCD:
		if d.writeType() != writeSAO {
			return libdisc.Mode{}, nil
		}
		if d.cue == nil {
			return libdisc.Mode{}, illegal(scsi.CommandSequenceError).Because("no cue sheet was sent")
		}
		if open == nil {
			if err := d.disc.Reserve(d.cue.blocks, libdisc.Mode{Whole: true}); err != nil {
				return libdisc.Mode{}, senseFor(err)
			}
		}
		return libdisc.Mode{Whole: true}, nil
	case !d.isMinus():
		return libdisc.Mode{}, nil
	case d.writeType() == writeSAO:
		if open == nil || !open.Whole {
			return libdisc.Mode{}, illegal(scsi.CommandSequenceError).Because("no track is reserved for writing at once")
		}
		return libdisc.Mode{Whole: true}, nil
	case d.disc.Minimal():
		return libdisc.Mode{}, illegal(scsi.IllegalModeForThisTrack).Because("a disc that was blanked minimally is written at once")
	}
	return libdisc.Mode{Incremental: true}, nil
}

// isMinus reports whether page 05h rules how the medium is written and closed as
// on DVD-R and DVD-RW.
func (d *Drive) isMinus() bool {
	return d.kind.Profile == profileDVDR || d.kind.Profile == profileDVDRW
}

// synchronizeCache is SYNCHRONIZE CACHE, MMC-6 6.41. It completes a disc that is
// written at once, when all of it is there.
func (d *Drive) synchronizeCache(t *scsi.Task) error {
	if d.disc == nil {
		return nil
	}
	open, _ := d.disc.Open()
	if open == nil || !open.Whole || open.Next < open.Start+open.Reserved {
		return senseFor(d.disc.Sync())
	}
	if err := d.disc.Sync(); err != nil {
		return senseFor(err)
	}
	appendable := d.kind.Class == personality.ClassCD && d.nextSession()
	return d.long(t, t.CDB[1]&0x02 != 0, scsi.OperationInProgressNotReady, d.opt.Durations.Close, &d.totals.closes, func() error {
		d.cue = nil
		_, err := d.disc.FinishWhole(appendable)
		d.reclassify()
		return err
	})
}
