package mmc

import (
	"encoding/binary"

	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// readCapacity is READ CAPACITY, MMC-6 6.20. A medium without a closed session
// answers address 0, and no error.
func (d *Drive) readCapacity(t *scsi.Task) error {
	b := make([]byte, 8)
	binary.BigEndian.PutUint32(b, uint32(max(d.disc.Readable()-1, 0)))
	binary.BigEndian.PutUint32(b[4:], libdisc.BlockSize)
	t.Reply(b, 8)
	return nil
}

// sessionView is which session and tracks a host is told as the last ones.
type sessionView struct {
	session, first, last int
	state                byte // of the last session: 0 empty, 1 incomplete, 3 complete
	status               byte // of the disc: 0 blank, 1 appendable, 2 complete, 3 other
}

// view computes it, with the empty session and the invisible track that follow
// what is recorded.
func (d *Drive) view() sessionView {
	form, _ := d.disc.Format()
	n, k := d.disc.ClosedSessions(), len(d.disc.Tracks())
	open, _ := d.disc.Open()
	switch {
	case d.kind.Recording == "rom":
		return sessionView{1, 1, 1, 3, 2}
	case d.kind.Preformat:
		return sessionView{1, 1, 1, 3, 3}
	case form == libdisc.Intermediate:
		return sessionView{1, 1, 1, 1, 1}
	case form == libdisc.Random || form == libdisc.Restricted:
		return sessionView{1, 1, 1, 3, 2}
	case (form == libdisc.Spare || form == libdisc.Pseudo) && k == 0:
		return sessionView{1, 1, 1, 0, 1}
	case k == 0:
		return sessionView{1, 1, 1, 0, 0}
	case d.disc.Final():
		return sessionView{n, d.disc.FirstTrack(n), k, 3, 2}
	case open != nil:
		return sessionView{n + 1, d.disc.FirstTrack(n + 1), k, 1, 1}
	case d.disc.SessionOpen():
		return sessionView{n + 1, d.disc.FirstTrack(n + 1), k + 1, 1, 1}
	}
	return sessionView{n + 1, k + 1, k + 1, 0, 1}
}

// erasable reports whether the medium can be written again and again.
func (d *Drive) erasable() bool { return d.kind.Rewritable || d.kind.Recording == "overwrite" }

// readDiscInformation is READ DISC INFORMATION, MMC-6 6.21, standard data.
func (d *Drive) readDiscInformation(t *scsi.Task) error {
	if t.CDB[1]&7 != 0 {
		return scsi.InvalidFieldInCDBAt(1, 2)
	}
	v := d.view()
	b := make([]byte, 34)
	b[1] = 0x20
	b[2] = v.state<<2 | v.status
	if d.erasable() {
		b[2] |= 0x10
	}
	b[3] = 1
	b[4], b[9] = byte(v.session), byte(v.session>>8)
	b[5], b[10] = byte(v.first), byte(v.first>>8)
	b[6], b[11] = byte(v.last), byte(v.last>>8)
	b[7] = 0x20 | d.disc.Background()
	b[8] = 0xFF
	switch {
	case d.kind.Class == personality.ClassCD:
		b[8] = 0
		d.putLeads(b, v)
	case d.kind.Profile == profileDVDPlusR && v.status == 2:
		for i := 16; i < 24; i++ {
			b[i] = 0xFF
		}
	}
	t.Reply(b, be16(t.CDB[7:]))
	return nil
}

// leadIn is where the lead-in of a blank CD begins, 97:24:01.
var leadIn = [3]byte{0x61, 0x18, 0x01}

// putLeads fills in the addresses of the last session's lead-in and of the last
// possible lead-out of a CD.
func (d *Drive) putLeads(b []byte, v sessionView) {
	switch {
	case v.status == 2:
		copy(b[16:], []byte{0, 0xFF, 0xFF, 0xFF, 0, 0xFF, 0xFF, 0xFF})
		return
	case v.session == 1:
		copy(b[17:], leadIn[:])
	default: // behind the lead-out of the one before
		leadOut := int64(2250)
		if v.session == 2 {
			leadOut = 6750
		}
		m := msf(d.disc.SessionEnd(v.session-1) + leadOut)
		copy(b[17:], m[:])
	}
	m := msf(d.disc.Capacity())
	copy(b[21:], m[:])
}

// msf is an address as minute, second and frame, MMC-6 4.2.3. What does not fit
// is FF:3B:4A.
func msf(lba int64) [3]byte {
	f := lba + pregap
	if f < 0 || f/75/60 > 0xFF {
		return [3]byte{0xFF, 0x3B, 0x4A}
	}
	return [3]byte{byte(f / 75 / 60), byte(f / 75 % 60), byte(f % 75)}
}

// readTrackInformation is READ TRACK INFORMATION, MMC-6 6.27.
func (d *Drive) readTrackInformation(t *scsi.Task) error {
	number, ok := d.findTrack(t.CDB[1]&3, count32(t.CDB[2:]))
	if !ok {
		return scsi.InvalidFieldInCDBAt(2, 7)
	}
	t.Reply(d.trackInformation(number), be16(t.CDB[7:]))
	return nil
}

// findTrack finds a track by address, number or session; the invisible track is
// the one behind the last.
func (d *Drive) findTrack(kind byte, value int64) (number int, ok bool) {
	tracks := d.disc.Tracks()
	nwa, appendable := d.disc.NWA()
	open, openNumber := d.disc.Open()
	invisible := 0
	if appendable && open == nil {
		invisible = len(tracks) + 1
	}
	if !d.disc.Sequential() || d.kind.Recording == "rom" {
		switch kind {
		case 0:
			return 1, value < max(d.disc.Readable(), 1)
		case 1, 2:
			return 1, value == 1
		}
		return 0, false
	}
	switch kind {
	case 0:
		for i := range tracks {
			if value >= tracks[i].Start && value < tracks[i].End() {
				return i + 1, true
			}
		}
		if open != nil && value >= open.Start {
			return openNumber, true
		}
		return invisible, invisible > 0 && (value >= nwa || len(tracks) == 0)
	case 1:
		if value == 0xFF {
			if open != nil {
				return openNumber, true
			}
			return invisible, invisible > 0
		}
		return int(value), value >= 1 && (value <= int64(len(tracks)) || value == int64(invisible))
	case 2:
		if value < 1 || value > int64(len(tracks)+1) {
			return 0, false
		}
		if n := d.disc.FirstTrack(int(value)); n > 0 {
			return n, true
		}
		return invisible, invisible > 0 && value == int64(d.disc.ClosedSessions()+1)
	}
	return 0, false
}

// trackInformation is the reply for a track that findTrack found.
func (d *Drive) trackInformation(number int) []byte {
	b := make([]byte, 36)
	put := func(at int, v int64) { binary.BigEndian.PutUint32(b[at:], uint32(v)) }
	b[1] = 0x22
	b[2], b[32] = byte(number), byte(number>>8)
	b[3], b[5], b[6] = 1, 4, 1
	form, size := d.disc.Format()
	restricted := form == libdisc.Restricted || form == libdisc.Intermediate
	if !d.disc.Sequential() || d.kind.Recording == "rom" {
		switch {
		case restricted:
			b[6] = 0x31
			put(20, 16)
			put(24, size)
		case form == libdisc.Random || d.kind.Recording == "rom":
			put(24, d.disc.Readable())
			if d.kind.Recording != "rom" {
				b[6] = 0x01
			}
		default: // not formatted
			b[6] = 0x40
			put(16, d.kind.Blocks)
			put(24, d.kind.Blocks)
		}
		return b
	}
	if d.isMinus() {
		put(20, 16)
	}
	if tracks := d.disc.Tracks(); number <= len(tracks) {
		d.putTrack(b, &tracks[number-1])
		return b
	}
	nwa, _ := d.disc.NWA()
	session := d.disc.ClosedSessions() + 1
	b[3], b[33] = byte(session), byte(session>>8)
	b[6], b[7] = 0x41, 0x01
	if d.isMinus() && d.writeType() != writeSAO && !d.disc.Minimal() || d.kind.Class == personality.ClassCD && d.writeType() == writePacket && d.packetCD() {
		b[6] = 0x61
	}
	put(8, nwa)
	put(12, nwa)
	if d.kind.Class == personality.ClassCD && d.writeType() == writeSAO && d.disc.Blank() {
		put(12, -pregap)
	}
	put(16, d.disc.Capacity()-nwa)
	put(24, d.disc.Capacity()-nwa)
	return b
}

// packetCD reports whether page 05h asks for packets on a CD: it does so by a
// fixed packet flag, for write type 0 is also the value after a reset.
func (d *Drive) packetCD() bool {
	return d.Modes().Get(nil, 0x05, 0, "FP, COPY, TRACK MODE")&0x20 != 0
}

// putTrack fills in a track that is there.
func (d *Drive) putTrack(b []byte, tr *libdisc.Track) {
	put := func(at int, v int64) { binary.BigEndian.PutUint32(b[at:], uint32(v)) }
	b[3], b[33] = byte(tr.Session), byte(tr.Session>>8)
	put(8, tr.Start)
	if tr.Incremental {
		b[6] |= 0x20
	}
	if tr.Next > tr.Start {
		b[7] |= 0x02
		put(28, tr.Next-1)
	}
	if tr.Closed {
		put(24, tr.Size)
		return
	}
	b[7] |= 0x01
	put(12, tr.Next)
	end := d.disc.Capacity()
	if tr.Reserved > 0 {
		b[6] |= 0x80
		end = tr.Start + tr.Reserved
		if tr.Next == tr.Start {
			b[6] |= 0x40
		}
	}
	if d.kind.Class == personality.ClassCD && tr.Whole && tr.Next == 0 {
		put(12, -pregap)
	}
	put(16, max(end-tr.Next, 0))
	put(24, end-tr.Start)
}
