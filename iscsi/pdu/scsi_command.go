package pdu

// SCSICommand carries a CDB, RFC 7143 11.3:
//
//	byte  0     I, 01h
//	      1     F 80h, R 40h, W 20h, ATTR 07h
//	      4     TotalAHSLength
//	      8-15  LUN
//	     16-19  Initiator Task Tag
//	     20-23  Expected Data Transfer Length
//	     24-27  CmdSN
//	     28-31  ExpStatSN
//	     32-47  CDB
//	     48-    AHS; immediate data
type SCSICommand struct {
	Immediate          bool
	Final, Read, Write bool  // Final: no unsolicited Data-Out follows
	Attribute          uint8 // 0 untagged, 1 simple, 2 ordered, 3 head of queue, 4 ACA
	AHSLength          int   // bytes
	DataSegmentLength  int   // immediate data, bytes
	LUN                [8]byte
	InitiatorTaskTag   uint32
	ExpectedLength     uint32 // Expected Data Transfer Length, bytes
	CmdSN, ExpStatSN   uint32
	CDB                [16]byte
}

// DecodeSCSICommand decodes a SCSI Command header.
func DecodeSCSICommand(b []byte) (p SCSICommand, err error) {
	h, err := is(b, OpSCSICommand)
	if err != nil {
		return p, err
	}
	flags := h[1]
	p = SCSICommand{
		Immediate: h.Immediate(), Final: flags&0x80 != 0, Read: flags&0x40 != 0, Write: flags&0x20 != 0,
		Attribute: flags & 0x07, AHSLength: h.AHSLength(), DataSegmentLength: h.DataSegmentLength(), LUN: h.lun(),
		InitiatorTaskTag: h.u32(16), ExpectedLength: h.u32(20), CmdSN: h.u32(24), ExpStatSN: h.u32(28),
	}
	copy(p.CDB[:], h[32:48])
	switch {
	case !p.Final && !p.Write:
		return p, &FormatError{OpSCSICommand, "flags", uint64(flags)}
	case p.Attribute > 4:
		return p, &FormatError{OpSCSICommand, "ATTR", uint64(p.Attribute)}
	case p.InitiatorTaskTag == Reserved:
		return p, &FormatError{OpSCSICommand, "Initiator Task Tag", uint64(Reserved)}
	}
	return p, nil
}

// Encode writes the header.
func (p *SCSICommand) Encode(h *Header) {
	h.start(OpSCSICommand, bit(p.Final, 0x80)|bit(p.Read, 0x40)|bit(p.Write, 0x20)|p.Attribute&0x07)
	h[0] |= bit(p.Immediate, 0x40)
	h[4] = byte(p.AHSLength / 4)
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.ExpectedLength)
	h.put32(24, p.CmdSN)
	h.put32(28, p.ExpStatSN)
	copy(h[32:48], p.CDB[:])
}
