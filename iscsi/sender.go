package iscsi

import (
	"slices"
	"time"

	"govtl/internal/buffer"
	"govtl/iscsi/pdu"
	"govtl/scsi"
)

const (
	senderArena = 16 << 10 // bytes for headers, sense data and digests of one batch
	senderBatch = 4 << 20  // bytes of data in one batch

	// pduRoom is the most that one PDU takes of the arena: header, header digest,
	// sense data with its length, padding and data digest.
	pduRoom = pdu.HeaderLength + pdu.DigestLength + 256 + 3 + pdu.DigestLength
)

var zeros [4]byte

// sender turns replies into bytes: it gives them their StatSN, cuts Data-In to
// the initiator's segment length, and writes batches of them. Whoever has set
// session.sending owns it, except that take and recycle need s.mu as well.
type sender struct {
	s      *session
	statSN uint32

	queue    []reply // taken, not encoded
	next     int     // index into queue
	expCmdSN uint32  // what goes into the headers
	maxCmdSN uint32

	// What was encoded and not written: pieces of arena and of Data-In buffers.
	arena   []byte
	pieces  [][]byte
	written int // pieces that are through
	bytes   int
	release []*buffer.Buffer
	after   []chan struct{}
	done    []*command
	crc     uint32

	// The command whose Data-In is being cut, and how far.
	current *command
	inAt    int // index into task.In
	inOff   int // offset in it
	sentIn  uint64
	toSend  uint64
	dataSN  uint32

	// The residual of current, worked out while its Data-In was still whole.
	overflow, underflow bool
	residual            uint32
}

func (x *sender) init(s *session, statSN uint32) {
	x.s, x.statSN = s, statSN
	x.arena = make([]byte, 0, senderArena)
	x.pieces = make([][]byte, 0, maxVectors)
}

// empty reports whether there is nothing left to encode or to write.
func (x *sender) empty() bool {
	return x.next == len(x.queue) && x.current == nil && x.written == len(x.pieces)
}

// take takes over the queue of replies; s.mu is held. From here on the requests
// that they answer no longer count against the window, and their tags are free:
// before the initiator can know the answer, it cannot use them again.
func (x *sender) take() {
	s := x.s
	clear(x.queue)
	x.queue, s.replies = s.replies, x.queue[:0]
	x.next = 0
	before := s.active
	for i := range x.queue {
		switch r := &x.queue[i]; r.kind {
		case replyCommand:
			c := r.command
			if s.tasks[c.h.InitiatorTaskTag] == c {
				delete(s.tasks, c.h.InitiatorTaskTag)
			}
			if c.h.Immediate {
				s.immediate--
			} else {
				s.active--
			}
		case replyControl:
			s.controls--
			s.small -= len(r.control.data)
			if r.control.numbered {
				s.active--
			}
		}
	}
	s.narrow(before - s.active)
	x.expCmdSN, x.maxCmdSN = s.expCmdSN, s.maxCmdSN()
	// Commands that others aborted have no reply that would open the window
	// again (RFC 7143 4.2.2.1); after our own functions their response does.
	if s.managing == 0 && slices.ContainsFunc(x.queue, func(r reply) bool {
		return r.kind == replyCommand && r.command.task.Aborted()
	}) {
		x.queue = append(x.queue, reply{kind: replyWindow})
	}
}

// recycle gives back the commands that are through; s.mu is held.
func (x *sender) recycle() {
	x.s.answered += uint64(len(x.done))
	for i, c := range x.done {
		x.s.uncharge(c)
		x.s.putCommand(c)
		x.done[i] = nil
	}
	x.done = x.done[:0]
}

// send encodes and writes a batch. ok is false when the socket takes no more now.
func (x *sender) send(wait bool) (ok bool, err error) {
	if x.written == len(x.pieces) {
		x.encode()
	}
	for x.written < len(x.pieces) {
		if wait {
			_ = x.s.conn.SetWriteDeadline(time.Now().Add(x.s.target.opt.Timeouts.Write))
		}
		n, err := x.s.stream.write(x.pieces[x.written:], wait)
		if wait {
			_ = x.s.conn.SetWriteDeadline(time.Time{})
		}
		if err != nil {
			return false, err
		}
		if n == 0 && !wait {
			return false, nil
		}
		x.advance(n)
	}
	x.finish()
	return true, nil
}

// advance notes that n bytes were written.
func (x *sender) advance(n int) {
	for n > 0 {
		p := x.pieces[x.written]
		if n < len(p) {
			x.pieces[x.written] = p[n:]
			return
		}
		n -= len(p)
		x.written++
	}
}

// finish lets go of a batch that is written.
func (x *sender) finish() {
	clear(x.pieces)
	x.pieces, x.arena, x.written, x.bytes = x.pieces[:0], x.arena[:0], 0, 0
	for i, b := range x.release {
		b.Release()
		x.release[i] = nil
	}
	x.release = x.release[:0]
	for _, c := range x.after {
		close(c)
	}
	x.after = x.after[:0]
}

// discard lets go of everything at the end of the session.
func (x *sender) discard() {
	for ; x.next < len(x.queue); x.next++ {
		x.queue[x.next].discard()
	}
	if x.current != nil {
		for _, b := range x.current.task.In[x.inAt:] {
			b.Release()
		}
		x.current = nil
	}
	x.finish()
}

// encode turns replies into pieces until the batch is full.
func (x *sender) encode() {
	for x.room() {
		if x.current != nil {
			x.dataIn()
			continue
		}
		if x.next == len(x.queue) {
			return
		}
		r := &x.queue[x.next]
		x.next++
		switch r.kind {
		case replyControl:
			x.control(r.control)
		case replyR2T:
			x.r2t(&r.r2t)
		case replyCommand:
			x.command(r.command)
		case replyWindow:
			x.window()
		}
	}
}

// room reports whether one more PDU fits into the batch: its header and tail in
// the arena, and pieces for both and for data that lie in a few buffers.
func (x *sender) room() bool {
	return cap(x.arena)-len(x.arena) >= pduRoom && cap(x.pieces)-len(x.pieces) >= 8 && x.bytes < senderBatch
}

// header appends a header, whose lengths are set, and its digest. The digest is
// worked out over the arena: what it is called with goes to the heap.
func (x *sender) header(h *pdu.Header) {
	at := len(x.arena)
	x.bytesOf(h[:])
	if x.s.par.headerDigest {
		x.digest(pdu.Digest(x.arena[at:]))
	}
	x.crc = 0
}

// digest appends a digest.
func (x *sender) digest(crc uint32) {
	var d [pdu.DigestLength]byte
	pdu.PutDigest(d[:], crc)
	x.bytesOf(d[:])
}

// bytesOf copies p into the arena and makes it part of the batch.
func (x *sender) bytesOf(p []byte) {
	at := len(x.arena)
	x.arena = append(x.arena, p...)
	added := x.arena[at:]
	// Neighbours in the arena are one piece.
	if n := len(x.pieces); n > 0 && at > 0 {
		last := x.pieces[n-1]
		if &last[len(last)-1] == &x.arena[at-1] {
			x.pieces[n-1] = last[:len(last)+len(added)]
			return
		}
	}
	x.pieces = append(x.pieces, added)
}

// data appends a part of a data segment where it lies.
func (x *sender) data(p []byte) {
	if x.s.par.dataDigest {
		x.crc = pdu.UpdateDigest(x.crc, p)
	}
	x.pieces = append(x.pieces, p)
	x.bytes += len(p)
}

// tail appends padding and data digest of a data segment of n bytes.
func (x *sender) tail(n int) {
	pad := zeros[:pdu.Padding(n)]
	if len(pad) > 0 {
		x.bytesOf(pad)
	}
	if x.s.par.dataDigest && n > 0 {
		x.digest(pdu.UpdateDigest(x.crc, pad))
	}
}

func (x *sender) control(c *control) {
	sn := x.statSN
	if c.sn == advanceStatSN {
		x.statSN++
	}
	c.header.Stamp(sn, x.expCmdSN, x.maxCmdSN)
	c.header.SetDataSegmentLength(len(c.data))
	x.header(&c.header)
	if len(c.data) > 0 {
		x.data(c.data)
		x.tail(len(c.data))
	}
	if c.sent != nil {
		x.after = append(x.after, c.sent)
	}
}

// window sends a NOP-In that asks for nothing (RFC 7143 11.19).
func (x *sender) window() {
	var h pdu.Header
	p := pdu.NOPIn{
		InitiatorTaskTag: pdu.Reserved, TargetTransferTag: pdu.Reserved,
		StatSN: x.statSN, ExpCmdSN: x.expCmdSN, MaxCmdSN: x.maxCmdSN,
	}
	p.Encode(&h)
	x.header(&h)
}

func (x *sender) r2t(r *pdu.R2T) {
	var h pdu.Header
	r.StatSN, r.ExpCmdSN, r.MaxCmdSN = x.statSN, x.expCmdSN, x.maxCmdSN
	r.Encode(&h)
	x.header(&h)
}

// command begins the reply to a SCSI command.
func (x *sender) command(c *command) {
	t := &c.task
	if t.Aborted() {
		t.DropIn()
		x.done = append(x.done, c)
		return
	}
	x.current, x.inAt, x.inOff, x.sentIn, x.dataSN = c, 0, 0, 0, 0
	x.toSend = min(t.InLength(), t.ExpectedIn)
	x.overflow, x.underflow, x.residual = c.residual()
	if x.toSend == 0 {
		x.status()
	}
}

// dataIn appends one Data-In PDU of the current command, and the status if it
// was the last. GOOD rides on the last Data-In (RFC 7143 11.7.3).
func (x *sender) dataIn() {
	c := x.current
	s, t := x.s, &c.task
	burst := uint64(s.par.maxBurst)
	n := min(x.toSend-x.sentIn, uint64(s.maxSend.Load()), burst-x.sentIn%burst)
	last := x.sentIn+n == x.toSend
	p := pdu.DataIn{
		Final: last || (x.sentIn+n)%burst == 0, DataSegmentLength: int(n), InitiatorTaskTag: c.h.InitiatorTaskTag,
		TargetTransferTag: pdu.Reserved, ExpCmdSN: x.expCmdSN, MaxCmdSN: x.maxCmdSN,
		DataSN: x.dataSN, BufferOffset: uint32(x.sentIn),
	}
	x.dataSN++
	ride := last && t.Status == scsi.Good
	if ride {
		p.HasStatus, p.Status, p.StatSN = true, uint8(scsi.Good), x.statSN
		p.Overflow, p.Underflow, p.Residual = x.overflow, x.underflow, x.residual
		x.statSN++
	}
	var h pdu.Header
	p.Encode(&h)
	x.header(&h)
	for left := int(n); left > 0; {
		b := t.In[x.inAt]
		part := b.B[x.inOff:]
		if len(part) > left {
			part = part[:left]
		}
		if len(part) > 0 {
			x.data(part)
		}
		left -= len(part)
		if x.inOff += len(part); x.inOff == len(b.B) {
			x.release = append(x.release, b)
			t.In[x.inAt] = nil
			x.inAt, x.inOff = x.inAt+1, 0
		}
	}
	x.tail(int(n))
	x.sentIn += n
	s.bytesIn.Add(n)
	switch {
	case ride:
		x.end()
	case last:
		x.status()
	}
}

// status appends the SCSI Response of the current command.
func (x *sender) status() {
	c := x.current
	t := &c.task
	p := pdu.SCSIResponse{
		Status: uint8(t.Status), InitiatorTaskTag: c.h.InitiatorTaskTag,
		StatSN: x.statSN, ExpCmdSN: x.expCmdSN, MaxCmdSN: x.maxCmdSN, ExpDataSN: x.dataSN,
	}
	x.statSN++
	p.Overflow, p.Underflow, p.Residual = x.overflow, x.underflow, x.residual
	var sense [2 + 64]byte
	segment := sense[:0]
	if t.Status == scsi.CheckCondition && t.Sense != nil {
		segment = appendSense(segment, t)
	}
	p.DataSegmentLength = len(segment)
	var h pdu.Header
	p.Encode(&h)
	x.header(&h)
	if len(segment) > 0 {
		at := len(x.arena)
		x.bytesOf(segment)
		if x.s.par.dataDigest {
			x.crc = pdu.Digest(x.arena[at:])
		}
		x.tail(len(segment))
	}
	x.end()
}

// appendSense appends the data segment with the sense data (RFC 7143 11.4.7).
func appendSense(dst []byte, t *scsi.Task) []byte {
	at := len(dst)
	dst = append(dst, 0, 0)
	if t.DescriptorSense {
		dst = t.Sense.AppendDescriptor(dst)
	} else {
		dst = t.Sense.AppendFixed(dst)
	}
	n := len(dst) - at - 2
	dst[at], dst[at+1] = byte(n>>8), byte(n)
	return dst
}

// end is done with the current command; its Data-In that was not wanted is let go.
func (x *sender) end() {
	c := x.current
	x.current = nil
	for _, b := range c.task.In[x.inAt:] {
		x.release = append(x.release, b)
	}
	clear(c.task.In)
	c.task.In = c.task.In[:0]
	x.done = append(x.done, c)
}

// residual compares what the initiator expected with what the command was about
// (RFC 7143 11.4.5).
func (c *command) residual() (overflow, underflow bool, count uint32) {
	t := &c.task
	var expected, moved uint64
	switch {
	case c.h.Read && c.h.Write:
		return false, false, 0
	case c.h.Write:
		expected, moved = t.ExpectedOut, t.Wanted
		if !t.WantedSet && t.Status != scsi.Good {
			return false, false, 0
		}
	default:
		expected, moved = uint64(c.h.ExpectedLength), t.InLength()
	}
	switch {
	case moved < expected:
		return false, true, uint32(expected - moved)
	case moved > expected:
		return true, false, uint32(min(moved-expected, 1<<32-1))
	}
	return false, false, 0
}
