package station

import (
	"context"
	"fmt"
	"log/slog"

	"govtl/internal/daemon"
	"govtl/scsi"
)

// Tracer counts finished commands, without allocating for any of them, and logs
// each while the log level is at its most detailed.
type Tracer struct {
	log      *slog.Logger
	commands commandCounters
	statuses statusCounters
	senses   senseCounters
}

// Finished is scsi.Options.Trace.
func (r *Tracer) Finished(t scsi.Trace) {
	var opcode byte
	if len(t.Task.CDB) > 0 {
		opcode = t.Task.CDB[0]
	}
	r.commands.count(t.Command, opcode, t.Duration)
	r.statuses[t.Task.Status].Add(1)
	if t.Task.Sense != nil {
		r.senses.add(t.Task.Sense)
	}
	ctx := context.Background()
	if !r.log.Enabled(ctx, daemon.LevelTrace) {
		return
	}
	name, length := "?", len(t.Task.CDB)
	if t.Command != nil {
		name, length = t.Command.Name, min(length, t.Command.CDBLength())
	}
	attrs := []slog.Attr{
		slog.String("initiator", t.Task.Nexus.InitiatorName), slog.String("command", name),
		slog.String("cdb", fmt.Sprintf("% X", t.Task.CDB[:length])), slog.String("status", t.Task.Status.String()),
		slog.Duration("took", t.Duration),
	}
	if n := t.Task.ExpectedOut; n > 0 {
		attrs = append(attrs, slog.Uint64("out", n))
	}
	if n := t.Task.InLength(); n > 0 {
		attrs = append(attrs, slog.Uint64("in", n))
	}
	if t.Task.Sense != nil {
		attrs = append(attrs, slog.String("sense", t.Task.Sense.Error()))
	}
	r.log.LogAttrs(ctx, daemon.LevelTrace, "command", attrs...)
}

// Counts tells how many commands have finished, and how many of them with CHECK
// CONDITION.
func (r *Tracer) Counts() (commands, checks uint64) {
	for i := range r.statuses {
		commands += r.statuses[i].Load()
	}
	return commands, r.statuses[scsi.CheckCondition].Load()
}
