package spc

import (
	"encoding/binary"

	"govtl/scsi"
)

// reportSupportedOperationCodes carries out REPORT SUPPORTED OPERATION CODES,
// SPC-4 6.35, from the rows that commands are dispatched by.
func (c *Core) reportSupportedOperationCodes(t *scsi.Task) error {
	var (
		timeouts = t.CDB[2]&0x80 != 0 // RCTD
		option   = t.CDB[2] & 0x07
		op       = t.CDB[3]
		sa       = binary.BigEndian.Uint16(t.CDB[4:])
	)
	if option == 0 {
		return reply32(t, c.allCommands(timeouts))
	}
	if option > 3 {
		return scsi.InvalidFieldInCDBAt(2, 2)
	}
	var found *scsi.Command
	for _, cmd := range c.commands {
		if cmd.Opcode != op || cmd.Missing != "" {
			continue
		}
		switch {
		case option == 1 && cmd.HasServiceAction, option == 2 && !cmd.HasServiceAction:
			return scsi.InvalidFieldInCDBAt(2, 2)
		case !cmd.HasServiceAction && (option == 1 || sa == 0), cmd.HasServiceAction && uint16(cmd.ServiceAction) == sa:
			found = cmd
		}
	}
	return reply32(t, c.oneCommand(found, timeouts))
}

// allCommands is the all_commands parameter data, SPC-4 6.35.2.
func (c *Core) allCommands(timeouts bool) []byte {
	b := make([]byte, 4)
	for _, cmd := range c.commands {
		if cmd.Missing != "" {
			continue
		}
		var flags byte
		if cmd.HasServiceAction {
			flags |= 0x01 // SERVACTV
		}
		if timeouts {
			flags |= 0x02 // CTDP
		}
		b = append(b, cmd.Opcode, 0, 0, cmd.ServiceAction, 0, flags, 0, byte(cmd.CDBLength()))
		if timeouts {
			b = c.appendTimeouts(b, cmd)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// oneCommand is the one_command parameter data, SPC-4 6.35.3; cmd is nil for a
// command that is not supported.
func (c *Core) oneCommand(cmd *scsi.Command, timeouts bool) []byte {
	if cmd == nil {
		return []byte{0, 0x01, 0, 0}
	}
	b := []byte{0, 0x03, 0, byte(cmd.CDBLength()), cmd.Opcode}
	b = append(b, cmd.Usage...)
	if cmd.HasServiceAction {
		b[5] = b[5]&^0x1F | cmd.ServiceAction
	}
	if timeouts {
		b[1] |= 0x80 // CTDP
		b = c.appendTimeouts(b, cmd)
	}
	return b
}

// appendTimeouts appends a command timeouts descriptor, SPC-4 6.35.4. Zero is no
// timeout indicated.
func (c *Core) appendTimeouts(b []byte, cmd *scsi.Command) []byte {
	recommended := cmd.Timeout
	if recommended == 0 {
		recommended = c.cfg.Timeout
	}
	b = append(b, 0, 0x0A, 0, 0)
	b = binary.BigEndian.AppendUint32(b, 0)
	return binary.BigEndian.AppendUint32(b, recommended)
}

// reportSupportedTaskManagementFunctions carries out A3h/0Dh, SPC-4 6.36: what
// scsi.DeviceServer.Manage does.
func (c *Core) reportSupportedTaskManagementFunctions(t *scsi.Task) error {
	if binary.BigEndian.Uint32(t.CDB[6:]) < 4 {
		return scsi.InvalidFieldInCDBAt(6, 7)
	}
	b := []byte{0xD8, 0, 0, 0} // ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET
	if t.CDB[2]&0x80 != 0 {    // REPD
		b[3] = 0x0C
		b = append(b, make([]byte, 12)...)
	}
	return reply32(t, b)
}

// reportTargetPortGroups carries out A3h/0Ah, SPC-4 6.37: one group with one
// port, active and optimized.
func (c *Core) reportTargetPortGroups(t *scsi.Task) error {
	b := make([]byte, 4)
	switch t.CDB[1] >> 5 {
	case 0:
	case 1: // extended header
		b = append(b, 0x10, 0, 0, 0)
	default:
		return scsi.InvalidFieldInCDBAt(1, 7)
	}
	n := t.Nexus
	b = append(b, 0, 0x01, byte(n.TargetPortGroup>>8), byte(n.TargetPortGroup), 0, 0, 0, 1) // AO_SUP
	b = append(b, 0, 0, byte(n.RelativePort>>8), byte(n.RelativePort))
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return reply32(t, b)
}
