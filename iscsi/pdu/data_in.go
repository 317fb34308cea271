package pdu

// DataIn carries data of a command that reads, RFC 7143 11.7:
//
//	byte  0     25h
//	      1     F 80h, A 40h, O 04h, U 02h, S 01h
//	      3     Status, with S=1
//	      8-15  LUN
//	     16-19  Initiator Task Tag
//	     20-23  Target Transfer Tag
//	     24-27  StatSN, with S=1
//	     28-31  ExpCmdSN
//	     32-35  MaxCmdSN
//	     36-39  DataSN
//	     40-43  Buffer Offset
//	     44-47  Residual Count, with S=1
//	     48-    data
type DataIn struct {
	Final               bool // the last of its sequence
	HasStatus           bool // S: Status, StatSN and the residual mean something
	Overflow, Underflow bool
	Status              uint8
	DataSegmentLength   int
	LUN                 [8]byte
	InitiatorTaskTag    uint32
	TargetTransferTag   uint32
	StatSN              uint32
	ExpCmdSN, MaxCmdSN  uint32
	DataSN              uint32 // from 0 in each command
	BufferOffset        uint32
	Residual            uint32 // bytes
}

// DecodeDataIn decodes a SCSI Data-In header.
func DecodeDataIn(b []byte) (p DataIn, err error) {
	h, err := is(b, OpDataIn)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	p = DataIn{
		Final: h[1]&0x80 != 0, HasStatus: h[1]&0x01 != 0, DataSegmentLength: h.DataSegmentLength(), LUN: h.lun(),
		InitiatorTaskTag: h.u32(16), TargetTransferTag: h.u32(20), ExpCmdSN: h.u32(28), MaxCmdSN: h.u32(32),
		DataSN: h.u32(36), BufferOffset: h.u32(40),
	}
	if p.HasStatus {
		p.Overflow, p.Underflow = h[1]&0x04 != 0, h[1]&0x02 != 0
		p.Status, p.StatSN, p.Residual = h[3], h.u32(24), h.u32(44)
		if !p.Final || p.Overflow && p.Underflow {
			return p, &FormatError{OpDataIn, "flags", uint64(h[1])}
		}
	}
	return p, nil
}

// Encode writes the header.
func (p *DataIn) Encode(h *Header) {
	h.start(OpDataIn, bit(p.Final, 0x80))
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.TargetTransferTag)
	h.put32(28, p.ExpCmdSN)
	h.put32(32, p.MaxCmdSN)
	h.put32(36, p.DataSN)
	h.put32(40, p.BufferOffset)
	if p.HasStatus {
		h[1] |= 0x01 | bit(p.Overflow, 0x04) | bit(p.Underflow, 0x02)
		h[3] = p.Status
		h.put32(24, p.StatSN)
		h.put32(44, p.Residual)
	}
}
