package ssc

import (
	"encoding/binary"
	"slices"
	"testing"

	"govtl/scsi"
	"govtl/scsi/personality"
)

// TestSupportedOperationCodesAgree: what REPORT SUPPORTED OPERATION CODES lists is
// exactly what does not answer INVALID COMMAND OPERATION CODE, on every model.
func TestSupportedOperationCodesAgree(t *testing.T) {
	for _, name := range personality.DriveNames() {
		r := newRig(t, name)
		all := r.want(good, []byte{0xA3, 0x0C, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0})
		listed := map[byte][]int{}
		for at := 4; at < len(all); at += 8 {
			sa := -1
			if all[at+5]&0x01 != 0 {
				sa = int(binary.BigEndian.Uint16(all[at+2:]))
			}
			listed[all[at]] = append(listed[all[at]], sa)
		}
		for op := range 256 {
			l, ok := listed[byte(op)]
			for sa := range 32 {
				x := r.do([]byte{byte(op), byte(sa), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
				unknown := x.sense != nil && x.sense.ASC == scsi.InvalidCommandOperationCode
				if unknown == ok {
					t.Fatalf("%s: %02X/%02X listed %v, answers %s", name, op, sa, ok, x)
				}
				if !ok || slices.Contains(l, -1) {
					break // not divided into service actions
				}
				refused := x.sense != nil && x.sense.ASC == scsi.InvalidFieldInCDB && x.sense.SKS == [3]byte{0xCC, 0, 1}
				if !slices.Contains(l, sa) && !refused {
					t.Fatalf("%s: %02X/%02X is not listed and answers %s", name, op, sa, x)
				}
			}
		}
	}
}

// TestReservationsLetThrough: an exclusive access reservation of another initiator
// lets through just what IBM's drives let through.
func TestReservationsLetThrough(t *testing.T) {
	through := []string{"INQUIRY", "LOG SENSE", "MODE SENSE(6)", "MODE SENSE(10)", "PREVENT ALLOW MEDIUM REMOVAL",
		"READ BLOCK LIMITS", "RELEASE(6)", "RELEASE(10)", "REPORT DENSITY SUPPORT", "REPORT LUNS", "REQUEST SENSE",
		"REPORT SUPPORTED OPERATION CODES", "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", "REPORT TIMESTAMP",
		wrapsAndHosts, "READ DYNAMIC RUNTIME ATTRIBUTE", "READ DYNAMIC RUNTIME ATTRIBUTE, legacy",
		"WRITE DYNAMIC RUNTIME ATTRIBUTE", "WRITE DYNAMIC RUNTIME ATTRIBUTE, legacy",
		"PERSISTENT RESERVE IN, READ KEYS", "PERSISTENT RESERVE IN, READ RESERVATION",
		"PERSISTENT RESERVE IN, REPORT CAPABILITIES", "PERSISTENT RESERVE IN, READ FULL STATUS"}
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	other := r.login("iqn.2026-11.test:b")
	register := make([]byte, 24)
	register[15] = 7
	reserve := make([]byte, 24)
	reserve[7] = 7
	r.want(good, []byte{0x5F, 0, 0, 0, 0, 0, 0, 0, 24, 0}, register...)
	r.want(good, []byte{0x5F, 1, 3, 0, 0, 0, 0, 0, 24, 0}, reserve...)
	for _, c := range r.drive.server.Table().Commands() {
		if c.Opcode == 0x5F {
			continue // its own rules; package spc tests them
		}
		cdb := make([]byte, 16)
		cdb[0], cdb[1] = c.Opcode, c.ServiceAction
		x := r.doAs(other, cdb, nil)
		conflict := x.status == scsi.ReservationConflict
		if c.Name == "RELEASE(6)" || c.Name == "RELEASE(10)" {
			if !conflict {
				t.Errorf("%s of one that is not registered: %s", c.Name, x) // SPC-4 5.13.4
			}
			continue
		}
		if conflict == slices.Contains(through, c.Name) {
			t.Errorf("%s under another's reservation: %s", c.Name, x)
		}
	}
}

// TestEveryRowHasItsLength: the usage map fits the CDB length of the operation
// code's group, SAM-5 5.2.
func TestEveryRowHasItsLength(t *testing.T) {
	want := [8]int{6, 10, 10, 0, 16, 12, 0, 0}
	for op, rows := range commands {
		for _, c := range rows {
			if n := want[op>>5]; n != 0 && len(c.Usage)+1 != n {
				t.Errorf("%02X %s: %d bytes, group has %d", op, c.Name, len(c.Usage)+1, n)
			}
		}
	}
}

// TestReservedBits: each bit of a CDB that its usage map does not have is refused
// with a field pointer to it, before anything is done.
func TestReservedBits(t *testing.T) {
	r := newRig(t, "generic")
	r.insert("VTL001L9")
	for _, c := range r.drive.server.Table().Commands() {
		for i, use := range c.Usage {
			if i == 0 && c.HasServiceAction {
				use |= 0x1F
			}
			for bit := range 8 {
				if use&(1<<bit) != 0 {
					continue
				}
				cdb := make([]byte, 16)
				cdb[0], cdb[1] = c.Opcode, c.ServiceAction
				cdb[i+1] |= 1 << bit
				x := r.do(cdb)
				if x.sense == nil || x.sense.ASC != scsi.InvalidFieldInCDB || x.sense.SKS != [3]byte{0xC8 | byte(bit), 0, byte(i + 1)} {
					t.Errorf("%s, byte %d bit %d: %s", c.Name, i+1, bit, x)
				}
			}
		}
	}
}
