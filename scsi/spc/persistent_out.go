package spc

import (
	"encoding/binary"
	"slices"

	"govtl/scsi"
)

// outList is the parameter list of PERSISTENT RESERVE OUT, SPC-4 6.16.3.
type outList struct {
	key, actionKey          uint64
	specIPT, allTargetPorts bool
	aptpl                   bool
	scope, kind             uint8
}

// persistentReserveOut carries out PERSISTENT RESERVE OUT, SPC-4 6.16.
func (c *Core) persistentReserveOut(t *scsi.Task) error {
	n := binary.BigEndian.Uint32(t.CDB[5:])
	sa := t.CDB[1] & 0x1F
	if sa == prRegisterAndMove {
		return c.registerAndMove(t, n)
	}
	if n != 24 {
		return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
	}
	b, err := t.DataOut(24)
	if err != nil {
		return err
	}
	l := outList{
		key: binary.BigEndian.Uint64(b), actionKey: binary.BigEndian.Uint64(b[8:]),
		specIPT: b[20]&0x08 != 0, allTargetPorts: b[20]&0x04 != 0, aptpl: b[20]&0x01 != 0,
		scope: t.CDB[2] >> 4, kind: t.CDB[2] & 0xF,
	}
	if sa == prRegister || sa == prRegisterAndIgnore {
		return c.register(t, l, sa == prRegisterAndIgnore)
	}
	r := c.pr.find(t.Nexus)
	if r == nil || r.key != l.key {
		return scsi.ReservationConflict
	}
	switch sa {
	case prReserve:
		err = c.prReserve(r, l)
	case prRelease:
		err = c.prRelease(r, l)
	case prClear:
		c.prClear(r)
	default:
		err = c.prPreempt(r, l, sa == prPreemptAndAbort)
	}
	if err == nil {
		c.saveReservations()
	}
	return err
}

// register carries out REGISTER and REGISTER AND IGNORE EXISTING KEY, SPC-4 5.13.7.
func (c *Core) register(t *scsi.Task, l outList, ignore bool) error {
	switch {
	case l.specIPT:
		return scsi.InvalidParameterAt(20, 3)
	case l.allTargetPorts:
		return scsi.InvalidParameterAt(20, 2)
	case l.aptpl && !c.cfg.PersistThroughPowerLoss:
		return scsi.InvalidParameterAt(20, 0)
	}
	p := &c.pr
	r := p.find(t.Nexus)
	switch {
	case r == nil && l.key != 0 && !ignore, r != nil && l.key != r.key && !ignore:
		return scsi.ReservationConflict
	case r == nil && l.actionKey == 0:
		return nil
	case r == nil && len(p.regs) == maxRegistrants:
		return scsi.NewSense(scsi.IllegalRequest, scsi.InsufficientRegistrationResources)
	case r == nil:
		p.add(t.Nexus.InitiatorPort(), t.Nexus, l.actionKey).since = c.milliseconds()
	case l.actionKey == 0:
		c.unregister(r)
	default:
		r.key = l.actionKey
	}
	p.generation++
	was := p.aptpl
	p.aptpl = l.aptpl
	if was || p.aptpl {
		c.save()
	}
	return nil
}

// unregister removes a registrant, and its reservation with it, SPC-4 5.13.11.2.3.
func (c *Core) unregister(r *registrant) {
	p := &c.pr
	released := p.holds(r) && (!p.allRegistrants() || len(p.regs) == 1)
	tell := p.registrantsOnly()
	p.drop(r)
	if released && tell {
		p.tell(scsi.ReservationsReleased, nil)
	}
}

// checkType refuses scopes other than the logical unit and types that the model
// has not.
func (c *Core) checkType(l outList) error {
	if l.scope != 0 {
		return scsi.InvalidFieldInCDBAt(2, 7)
	}
	if !slices.Contains(c.types(), l.kind) {
		return scsi.InvalidFieldInCDBAt(2, 3)
	}
	return nil
}

func (c *Core) types() []uint8 {
	if c.cfg.PersistentTypes != nil {
		return c.cfg.PersistentTypes
	}
	return allTypes
}

// prReserve carries out RESERVE, SPC-4 5.13.9.
func (c *Core) prReserve(r *registrant, l outList) error {
	if err := c.checkType(l); err != nil {
		return err
	}
	switch p := &c.pr; {
	case p.kind == 0:
		p.reserve(r, l.kind)
	case !p.holds(r) || p.kind != l.kind:
		return scsi.ReservationConflict
	}
	return nil
}

// prRelease carries out RELEASE, SPC-4 5.13.11.2.2.
func (c *Core) prRelease(r *registrant, l outList) error {
	p := &c.pr
	if !p.holds(r) {
		return nil
	}
	if l.scope != 0 || l.kind != p.kind {
		return scsi.NewSense(scsi.IllegalRequest, scsi.InvalidReleaseOfPersistentReserv)
	}
	tell := p.registrantsOnly() || p.allRegistrants()
	p.kind, p.holder = 0, nil
	if tell {
		p.tell(scsi.ReservationsReleased, r)
	}
	return nil
}

// prClear carries out CLEAR, SPC-4 5.13.11.2.6.
func (c *Core) prClear(r *registrant) {
	p := &c.pr
	p.tell(scsi.ReservationsPreempted, r)
	p.regs, p.kind, p.holder = nil, 0, nil
	p.generation++
}

// prPreempt carries out PREEMPT and PREEMPT AND ABORT, SPC-4 5.13.11.2.4 and 5.13.11.2.5.
func (c *Core) prPreempt(r *registrant, l outList, abort bool) error {
	p := &c.pr
	all := p.allRegistrants() && l.actionKey == 0
	takesOver := all || p.holder != nil && p.holder.key == l.actionKey
	switch {
	case l.actionKey == 0 && !p.allRegistrants():
		return scsi.InvalidParameterAt(8, 7)
	case takesOver:
		if err := c.checkType(l); err != nil {
			return err
		}
	case !slices.ContainsFunc(p.regs, func(x *registrant) bool { return x.key == l.actionKey }):
		return scsi.ReservationConflict
	}
	was := p.kind
	var gone []*registrant
	for _, x := range p.regs {
		if x != r && (all || x.key == l.actionKey) {
			gone = append(gone, x)
		}
	}
	for _, x := range gone {
		p.drop(x)
	}
	if takesOver {
		told := was != l.kind && (was == WriteExclusiveRegistrantsOnly || was == ExclusiveAccessRegistrantsOnly ||
			was == WriteExclusiveAllRegistrants || was == ExclusiveAccessAllRegistrants)
		p.reserve(r, l.kind)
		if told {
			p.tell(scsi.ReservationsReleased, r)
		}
	}
	p.generation++
	for _, x := range gone {
		if x.nexus == nil {
			continue
		}
		x.nexus.Attend(scsi.RegistrationsPreempted)
		if abort {
			c.abortNexus(x.nexus)
		}
	}
	return nil
}

// abortNexus ends the tasks of a preempted nexus and its prevention of medium removal.
func (c *Core) abortNexus(n *scsi.Nexus) {
	was := c.RemovalPrevented()
	c.state(n).prevents = false
	c.preventMayHaveChanged(was)
	if c.purge != nil {
		c.purge(n)
	}
}

// registerAndMove carries out REGISTER AND MOVE, SPC-4 5.13.8 and 6.16.4.
func (c *Core) registerAndMove(t *scsi.Task, n uint32) error {
	if n < 24+24 || n > 24+0x400 {
		return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
	}
	b, err := t.DataOut(int(n))
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(b[20:]) != n-24 {
		return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterListLengthError)
	}
	p := &c.pr
	r := p.find(t.Nexus)
	if r == nil || r.key != binary.BigEndian.Uint64(b) {
		return scsi.ReservationConflict
	}
	if p.holder != r { // no reservation, another's, or one of all registrants
		return scsi.ReservationConflict
	}
	newKey := binary.BigEndian.Uint64(b[8:])
	unregister, aptpl := b[17]&0x02 != 0, b[17]&0x01 != 0
	port, ok := decodeTransportID(b[24:])
	switch {
	case newKey == 0:
		return scsi.InvalidParameterAt(8, 7)
	case aptpl && !c.cfg.PersistThroughPowerLoss:
		return scsi.InvalidParameterAt(17, 0)
	case binary.BigEndian.Uint16(b[18:]) != t.Nexus.RelativePort:
		return scsi.InvalidParameterAt(18, 7)
	case !ok || port == r.port:
		return scsi.InvalidParameterAt(24, -1)
	}
	to := p.findPort(port)
	if to == nil && len(p.regs) == maxRegistrants {
		return scsi.NewSense(scsi.IllegalRequest, scsi.InsufficientRegistrationResources)
	}
	if to == nil {
		to = p.add(port, c.attachedPort(port), newKey)
		to.since = c.milliseconds()
	}
	to.key = newKey
	p.holder = to
	if unregister {
		p.drop(r)
	}
	p.generation++
	was := p.aptpl
	p.aptpl = aptpl
	if was || aptpl {
		c.save()
	}
	return nil
}

// attachedPort is the attached nexus of an initiator port, or nil.
func (c *Core) attachedPort(port string) *scsi.Nexus {
	for n := range c.nexuses {
		if n.InitiatorPort() == port {
			return n
		}
	}
	return nil
}

func (c *Core) saveReservations() {
	if c.pr.aptpl {
		c.save()
	}
}
