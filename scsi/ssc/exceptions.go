package ssc

import "govtl/scsi"

// reportExceptions has every command of a table that ends with GOOD look for
// informational exceptions (SSC-4 8.3.6).
func reportExceptions(table *scsi.Table[*Drive]) {
	for op := range table {
		for i := range table[op] {
			r := &table[op][i]
			if r.KeepsAttention || r.Run == nil {
				continue
			}
			run := r.Run
			r.Run = func(d *Drive, t *scsi.Task) error {
				err := run(d, t)
				if err == nil && d.alerts.Active() != 0 {
					return d.exception(t)
				}
				return err
			}
		}
	}
}

// MRIE values of the informational exceptions page, SPC-4 table 454.
const (
	mrieConditional = 3 // recovered error when PER is set
	mrieRecovered   = 4 // recovered error
)

// exception reports a TapeAlert flag that the nexus has not been told of in this
// way, once, when mode page 1Ch asks for that.
func (d *Drive) exception(t *scsi.Task) error {
	modes := d.Modes()
	if !modes.Has(0x1C, 0) || modes.Get(t.Nexus, 0x1C, 0, "DEXCPT") == 1 {
		return nil
	}
	switch modes.Get(t.Nexus, 0x1C, 0, "MRIE") {
	case mrieConditional:
		if modes.Get(t.Nexus, 0x01, 0, "PER") == 0 {
			return nil
		}
	case mrieRecovered:
	default:
		return nil
	}
	n := d.nexus(t)
	fresh := d.alerts.Pending(t.Nexus) &^ n.exceptions
	n.exceptions |= fresh
	if fresh == 0 {
		return nil
	}
	return scsi.NewSense(scsi.RecoveredError, scsi.FailurePredictionThresholdExceeded).Because("TapeAlert %v", AlertNames(fresh))
}
