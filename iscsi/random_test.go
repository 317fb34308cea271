package iscsi_test

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"govtl/iscsi"
	"govtl/iscsi/iscsitest"
	"govtl/iscsi/pdu"
)

// TestRandomInitiators lets initiators send PDUs that are right each for itself and
// have nothing to do with each other: few tags, numbers around the window, data
// for whatever, functions about anything, and commands that wait. Whatever they
// do, their sessions end, and the device serves another one.
//
// ISCSI_RANDOM is the number of rounds (100).
func TestRandomInitiators(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv("ISCSI_RANDOM"))
	if err != nil {
		rounds = 100
	}
	// Memory is so short that they wait for each other's.
	disk := newRAMDisk(t, 32<<20/ramBlock)
	disk.most = 64 << 10
	w := newWorld(t, func(o *iscsi.TargetOptions) {
		o.Unit = disk.server
		o.Log = slog.New(noPanics{slog.DiscardHandler, t})
		o.Limits.MaxCommands, o.Limits.SessionMemory = 8, 1<<20
		o.Limits.MaxSessions, o.Limits.Memory = 4, 1<<20
		o.Offers.Time2Wait, o.Offers.Time2Retain = -1, -1
	})
	w.disk = disk
	stop := make(chan struct{})
	var opener sync.WaitGroup
	opener.Go(func() { // lets the commands go that wait
		for {
			select {
			case <-stop:
				w.disk.open()
				return
			case <-time.After(500 * time.Microsecond):
				w.disk.open()
			}
		}
	})
	for round := range rounds {
		var group sync.WaitGroup
		for i := range 3 {
			r := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			group.Go(func() { randomInitiator(w, r, byte(i)) })
		}
		group.Wait()
		eventually(t, "the sessions of round "+strconv.Itoa(round)+" are gone", func() bool { return len(w.target.Sessions()) == 0 })
	}
	close(stop)
	opener.Wait()
	s := w.login(iscsitest.Config{})
	data := pattern(64*ramBlock, 3)
	w.good(s, write10(0, 1, data))
	check(t, "after them", w.good(s, read10(0, 64)).Data, data)
}

// randomInitiator logs in, sends some hundred PDUs and is gone.
func randomInitiator(w *world, r *rand.Rand, n byte) {
	yes := func() string { return []string{"Yes", "No"}[r.IntN(2)] }
	digest := func() string { return []string{"None", "CRC32C"}[r.IntN(2)] }
	s, err := iscsitest.Login(w.dial(), iscsitest.Config{Target: targetName, Initiator: "iqn.2026-11.test.random:" + string('a'+rune(n)),
		Keys: iscsitest.With(iscsitest.DefaultKeys(), "InitialR2T", yes(), "ImmediateData", yes(), "HeaderDigest", digest(), "DataDigest", digest(),
			"FirstBurstLength", "8192", "MaxBurstLength", "8192", "MaxOutstandingR2T", "3", "DefaultTime2Wait", "0")})
	defer s.Conn.Close()
	if err != nil {
		return // another one has ended everybody's session
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			if _, err := s.Conn.Read(buf); err != nil {
				return
			}
		}
	}()
	_ = s.Conn.SetDeadline(time.Now().Add(5 * time.Second))
	for range 300 {
		h, data := randomPDU(r, s)
		if s.Send(&h, nil, data) != nil {
			break
		}
	}
	if r.IntN(2) == 0 {
		_ = s.Conn.(interface{ CloseWrite() error }).CloseWrite()
		<-done
	}
	s.Conn.Close()
	<-done
}

// randomPDU is one PDU with its data.
func randomPDU(r *rand.Rand, s *iscsitest.Session) (h pdu.Header, data []byte) {
	tag := func() uint32 { return uint32(1 + r.IntN(12)) }
	immediate := r.IntN(3) == 0
	sn := s.CmdSN
	switch r.IntN(12) {
	case 0:
		sn += uint32(r.IntN(12)) - 2 // early, old or beyond the window
	case 1:
	default:
		if !immediate {
			s.CmdSN++
		}
	}
	switch r.IntN(20) {
	case 0:
		p := pdu.TaskManagementRequest{Immediate: immediate, Function: uint8(1 + r.IntN(6)), InitiatorTaskTag: tag(), ReferencedTaskTag: tag(), RefCmdSN: sn - uint32(r.IntN(4)), CmdSN: sn}
		if r.IntN(40) == 0 {
			p.Function = targetColdReset
		}
		p.Encode(&h)
	case 1:
		p := pdu.NOPOut{Immediate: immediate, InitiatorTaskTag: tag(), TargetTransferTag: pdu.Reserved, CmdSN: sn}
		p.Encode(&h)
		data = make([]byte, r.IntN(100))
	case 2:
		p := pdu.TextRequest{Immediate: immediate, Final: r.IntN(2) == 0, InitiatorTaskTag: tag(), TargetTransferTag: pdu.Reserved, CmdSN: sn}
		p.Encode(&h)
		data = []byte("SendTargets=All\x00")
	case 3, 4, 5, 6, 7, 8:
		p := pdu.DataOut{Final: r.IntN(2) == 0, InitiatorTaskTag: tag(), TargetTransferTag: pdu.Reserved, DataSN: uint32(r.IntN(3)), BufferOffset: uint32(r.IntN(5)) * 4096}
		if r.IntN(2) == 0 {
			p.TargetTransferTag = uint32(1 + r.IntN(40))
		}
		p.Encode(&h)
		data = make([]byte, max(0, r.IntN(5)-2)*4096)
	default:
		p := pdu.SCSICommand{Immediate: immediate, Final: r.IntN(4) > 0, InitiatorTaskTag: tag(), CmdSN: sn, Attribute: uint8(r.IntN(5))}
		switch r.IntN(4) {
		case 0: // waits
			p.CDB[0], p.Final = 0xC0+byte(r.IntN(2)), true
		case 1:
			p.Read, p.Final, p.ExpectedLength = true, true, uint32(r.IntN(1<<16))
			copy(p.CDB[:], read10(r.IntN(100), r.IntN(64)).CDB)
		default:
			p.Write, p.ExpectedLength = true, uint32(r.IntN(9))*8192
			p.CDB[0] = 0xC3
			data = make([]byte, min(int(p.ExpectedLength), r.IntN(2)*4096))
		}
		p.Encode(&h)
	}
	return h, data
}
