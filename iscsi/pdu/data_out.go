package pdu

// DataOut carries data of a command that writes, RFC 7143 11.7:
//
//	byte  0     05h
//	      1     F 80h
//	      8-15  LUN
//	     16-19  Initiator Task Tag
//	     20-23  Target Transfer Tag; FFFFFFFFh: unsolicited
//	     28-31  ExpStatSN
//	     36-39  DataSN
//	     40-43  Buffer Offset
//	     48-    data
type DataOut struct {
	Final             bool // the last of its sequence
	DataSegmentLength int
	LUN               [8]byte
	InitiatorTaskTag  uint32
	TargetTransferTag uint32
	ExpStatSN         uint32
	DataSN            uint32 // from 0 in each sequence
	BufferOffset      uint32
}

// DecodeDataOut decodes a SCSI Data-Out header.
func DecodeDataOut(b []byte) (p DataOut, err error) {
	h, err := is(b, OpDataOut)
	if err == nil {
		err = h.noAHS()
	}
	if err != nil {
		return p, err
	}
	return DataOut{
		Final: h.Final(), DataSegmentLength: h.DataSegmentLength(), LUN: h.lun(), InitiatorTaskTag: h.u32(16),
		TargetTransferTag: h.u32(20), ExpStatSN: h.u32(28), DataSN: h.u32(36), BufferOffset: h.u32(40),
	}, nil
}

// Encode writes the header.
func (p *DataOut) Encode(h *Header) {
	h.start(OpDataOut, bit(p.Final, 0x80))
	h.SetDataSegmentLength(p.DataSegmentLength)
	h.putLUN(p.LUN)
	h.put32(16, p.InitiatorTaskTag)
	h.put32(20, p.TargetTransferTag)
	h.put32(28, p.ExpStatSN)
	h.put32(36, p.DataSN)
	h.put32(40, p.BufferOffset)
}
