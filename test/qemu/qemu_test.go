//go:build e2e

package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"govtl/test/relay"
	"govtl/test/suite"
)

const (
	initiator = "iqn.2026-11.test.qemu:vm"
	secret    = "a-secret-of-the-virtual-machine's"
)

// start starts a suite that asks for CHAP, with a relay before it.
func start(t *testing.T) (*suite.Suite, *relay.Relay) {
	t.Helper()
	dir := t.TempDir()
	secrets := filepath.Join(dir, "secrets")
	if err := os.WriteFile(secrets, []byte("initiator "+initiator+" "+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := suite.Start(t, suite.Options{Dir: dir, Config: fmt.Sprintf(`version: 1
iscsi: {chap: true, secrets: %s}
libraries:
  - id: 10
    model: ibm-03584
    serial: QEMU000010
    slots: 4
    mail-slots: 1
    drives:
      - {id: 11, model: ibm-ult3580-td9, serial: QEMU000011}
    media:
      - barcodes: QEM001L9-QEM002L9
`, secrets)})
	r, err := relay.Listen(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return s, r
}

// TestQEMU moves a medium and writes, reads, positions and loses the connection,
// all by QEMU's initiator.
func TestQEMU(t *testing.T) {
	s, r := start(t)
	target := func(name string) string { return "iqn.2026-11.local.vtl:" + name }
	// One way to name a target to QEMU after the other.
	portal := r.Addr()
	m := boot(t,
		"-object", "secret,id=secret,data="+secret,
		"-blockdev", "driver=iscsi,node-name=session,transport=tcp,portal="+portal+",target="+target("drive11")+",lun=0,initiator-name="+initiator+
			",user="+initiator+",password-secret=secret,header-digest=crc32c",
		"-blockdev", "driver=raw,node-name=tape,file=session", "-device", "scsi-generic,drive=tape,scsi-id=1",
		"-iscsi", "initiator-name="+initiator+",user="+initiator+",password="+secret,
		"-drive", "if=none,format=raw,id=changer,file=iscsi://"+s.Addr+"/"+target("library10")+"/0", "-device", "scsi-generic,drive=changer,scsi-id=2",
	)
	if got, want := m.do(t, "devices"), "1,ULT3580-TD9,QEMU000011,nst0 8,03584L32,QEMU000010,sch0"; got != want {
		t.Fatalf("the guest sees %q, want %q", got, want)
	}
	m.do(t, "move", 0, 0)
	m.do(t, "open", "/dev/nst0", "rw")
	t.Run("blocks", func(t *testing.T) { blocks(t, m) })
	t.Run("fixed", func(t *testing.T) { fixed(t, m) })
	t.Run("pieces", func(t *testing.T) { pieces(t, m, r) })
	t.Run("reset", func(t *testing.T) { reset(t, m, r) })
	t.Run("kill", func(t *testing.T) { kill(t, m, r, s) })
}

// blocks writes three files, whose blocks have lengths of their own, and finds
// every byte of them again.
func blocks(t *testing.T, m *machine) {
	files := []struct{ seed, count, size int }{{1000, 40, 64 << 10}, {2000, 12, 256 << 10}, {3000, 50, 1}, {4000, 9, 10241}}
	m.do(t, "rewind")
	m.do(t, "block", 0)
	for _, f := range files {
		m.do(t, "write", f.seed, f.count, f.size)
		m.do(t, "filemarks", 1)
	}
	m.do(t, "rewind")
	for _, f := range files {
		// More room than a block has: the initiator passes the residual on.
		m.do(t, "read", f.seed, f.count, f.size, f.size+1000)
		m.do(t, "end", f.size)
	}
	m.do(t, "end", 1000)
	if at := m.do(t, "tell"); at != "115" {
		t.Errorf("the end of data is at %s, want 40+12+50+9 blocks and 4 filemarks", at)
	}
	// Positions: by number, by filemarks, by blocks.
	m.do(t, "seek", 41+3)
	m.do(t, "read", 2003, 9, 256<<10, 256<<10)
	m.do(t, "rewind")
	m.do(t, "space-filemarks", 2)
	m.do(t, "space-records", 10)
	m.do(t, "read", 3010, 1, 1, 1)
	// A block that is longer than the room for it is an error, and the next one
	// can be read.
	m.do(t, "seek", 0)
	if answer, err := m.try("read", 1000, 1, 64<<10, 1000); err == nil {
		t.Errorf("a block of 64 KiB fits into 1000 bytes: %s", answer)
	}
	m.do(t, "read", 1001, 1, 64<<10, 64<<10)
}

// fixed writes fixed blocks, many at a time.
func fixed(t *testing.T, m *machine) {
	m.do(t, "rewind")
	m.do(t, "block", 4096)
	m.do(t, "write", 5000, 6, 32*4096)
	m.do(t, "filemarks", 1)
	m.do(t, "rewind")
	m.do(t, "read", 5000, 6, 32*4096, 32*4096)
	m.do(t, "end", 4096)
	if at := m.do(t, "tell"); at != strconv.Itoa(6*32+1) {
		t.Errorf("at %s behind %d blocks and a filemark", at, 6*32)
	}
}

// pieces has everything come in small pieces, either way.
func pieces(t *testing.T, m *machine, r *relay.Relay) {
	r.Pieces(200)
	defer r.Pieces(0)
	m.do(t, "rewind")
	m.do(t, "block", 0)
	m.do(t, "write", 6000, 6, 50001)
	m.do(t, "rewind")
	m.do(t, "read", 6000, 6, 50001, 60000)
}

// size is that of the blocks which are written while something fails.
const size = 32 << 10

// interrupt writes blocks and, when some are on their way, lets something fail. It
// returns how many were accepted until st noticed.
func interrupt(t *testing.T, m *machine, r *relay.Relay, seed, blocks int, fail func()) (accepted int) {
	t.Helper()
	result := make(chan error, 1)
	before := r.Passed()
	go func() {
		_, err := m.try("write", seed, 400, size)
		result <- err
	}()
	for r.Passed() < before+int64(blocks)*size+777 {
		select {
		case err := <-result:
			t.Fatalf("the write ended before anything failed: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	fail()
	err := <-result
	if err == nil {
		t.Fatal("st has not noticed that the session was lost")
	}
	if _, bad := fmt.Sscanf(err.Error(), "accepted %d:", &accepted); bad != nil {
		t.Fatal(err)
	}
	return accepted
}

// prefix counts the blocks from here to the end of the file.
func prefix(t *testing.T, m *machine, seed int) int {
	t.Helper()
	n, err := strconv.Atoi(m.do(t, "prefix", seed, size))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// reset loses the connection again and again while blocks are written. What was
// accepted is on the tape, in order, none missing, none twice: QEMU sends the
// commands again that were under way, and the unit attention condition of the new
// session keeps them from being carried out a second time (RFC 7143 10.6).
func reset(t *testing.T, m *machine, r *relay.Relay) {
	for round := range 3 {
		m.do(t, "rewind")
		seed := 10000 * (round + 1)
		accepted := interrupt(t, m, r, seed, 20*(round+1), func() {
			if n := r.Reset(); n != 1 {
				t.Errorf("%d connections were there to reset", n)
			}
		})
		m.do(t, "rewind")
		if found := prefix(t, m, seed); found < accepted || found > accepted+1 {
			t.Errorf("round %d: %d blocks accepted, %d on the tape", round, accepted, found)
		}
	}
}

// kill kills the drive's daemon while blocks are written. What is before a
// filemark is on the tape; of what is behind it, the beginning.
func kill(t *testing.T, m *machine, r *relay.Relay, s *suite.Suite) {
	m.do(t, "rewind")
	m.do(t, "write", 50000, 20, size)
	m.do(t, "filemarks", 1)
	drive := s.Daemon(t, "vtltape", 11)
	accepted := interrupt(t, m, r, 60000, 20, func() { drive.Kill(t) })
	s.AwaitDaemon(t, drive)
	// st would write its filemark before it rewinds, and the drive, which does not
	// know where it stands, refuses that.
	if _, err := m.try("rewind"); err == nil {
		t.Error("a filemark was written at a position that was lost")
	}
	_, _ = m.try("close")
	for deadline := time.Now().Add(bound); ; {
		_, err := m.try("open", "/dev/nst0", "rw")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	m.do(t, "rewind")
	if n := prefix(t, m, 50000); n != 20 {
		t.Errorf("%d of 20 blocks before the filemark are left", n)
	}
	if n := prefix(t, m, 60000); n > accepted+1 {
		t.Errorf("%d blocks accepted, %d on the tape", accepted, n)
	}
}
