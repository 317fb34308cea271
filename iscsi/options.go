package iscsi

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Limits of RFC 7143 section 13 and 6, which are not ours to tune.
const (
	minSegment   = 512       // MaxRecvDataSegmentLength, MaxBurstLength, FirstBurstLength: bytes
	maxSegment   = 1<<24 - 1 // the same
	maxTimeValue = 3600      // DefaultTime2Wait, DefaultTime2Retain: seconds

	maxOutstandingR2T = 65535
)

// Limits of our own on what a peer can make us do before it has logged in.
const (
	maxLoginText      = 16 << 10 // bytes of text in one login
	maxLoginExchanges = 20       // Login Requests in one login
)

func (l Limits) withDefaults(maxTransfer int) Limits {
	setDefault(&l.MaxSessions, 64)
	setDefault(&l.MaxSessionsPerInitiator, 16)
	setDefault(&l.MaxPendingLogins, 64)
	setDefault(&l.MaxPendingPerAddress, 32)
	setDefault(&l.MaxCommands, 128)
	setDefault(&l.SessionMemory, 64<<20)
	setDefault(&l.Memory, max(256<<20, leastMemory(l.MaxSessions, maxTransfer)))
	return l
}

func (o Offers) withDefaults() (Offers, error) {
	setDefault(&o.MaxRecvDataSegmentLength, 1<<20)
	setDefault(&o.MaxBurstLength, 16776192)
	setDefault(&o.FirstBurstLength, o.MaxBurstLength)
	setDefault(&o.MaxOutstandingR2T, 8)
	setDefault(&o.Time2Wait, 2)
	setDefault(&o.Time2Retain, 20)
	for name, n := range map[string]int{
		"MaxRecvDataSegmentLength": o.MaxRecvDataSegmentLength,
		"MaxBurstLength":           o.MaxBurstLength,
		"FirstBurstLength":         o.FirstBurstLength,
	} {
		if n < minSegment || n > maxSegment {
			return o, fmt.Errorf("iscsi: %s %d is not in %d to %d", name, n, minSegment, maxSegment)
		}
	}
	if o.Time2Wait > maxTimeValue || o.Time2Retain > maxTimeValue {
		return o, fmt.Errorf("iscsi: Time2Wait %d, Time2Retain %d: more than %d", o.Time2Wait, o.Time2Retain, maxTimeValue)
	}
	if o.MaxOutstandingR2T < 1 || o.MaxOutstandingR2T > maxOutstandingR2T {
		return o, fmt.Errorf("iscsi: MaxOutstandingR2T %d is not in 1 to %d", o.MaxOutstandingR2T, maxOutstandingR2T)
	}
	if o.FirstBurstLength > o.MaxBurstLength {
		return o, fmt.Errorf("iscsi: FirstBurstLength %d is larger than MaxBurstLength %d", o.FirstBurstLength, o.MaxBurstLength)
	}
	if o.NoDigests && (o.RequireHeaderDigest || o.RequireDataDigest) {
		return o, errors.New("iscsi: digests are both refused and required")
	}
	return o, nil
}

func (t Timeouts) withDefaults() Timeouts {
	setDefault(&t.Login, 15*time.Second)
	setDefault(&t.PDU, 30*time.Second)
	setDefault(&t.Write, 30*time.Second)
	setDefault(&t.Ping, 30*time.Second)
	setDefault(&t.Pong, 30*time.Second)
	setDefault(&t.Data, time.Minute)
	return t
}

func setDefault[T ~int | ~int64 | ~uint16](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
