package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"govtl/bus"
)

// oneLibrary is the configuration of the tests.
const oneLibrary = `version: 1
libraries:
  - id: 10
    model: ibm-03584
    serial: L10
    slots: 4
    mail-slots: 1
    drives:
      - {id: 11, model: ibm-ult3580-td9, serial: D11}
      - {id: 12, model: ibm-ult3580-td9, serial: D12}
drives:
  - {id: 20, model: ibm-ult3580-td9, serial: D20}
`

// far is the other side of the bus: daemons that answer as they are told and
// note what they were asked.
type far struct {
	t           *testing.T
	config, dir string
	conn        *bus.Conn

	mu    sync.Mutex
	asked []string
	fail  error
}

// newFar starts a real bus with services for all devices of the configuration.
func newFar(t *testing.T) *far {
	t.Helper()
	f := &far{t: t, dir: t.TempDir()}
	f.config = filepath.Join(f.dir, "vtl.yaml")
	run := filepath.Join(f.dir, "run")
	if err := os.WriteFile(f.config, []byte(oneLibrary), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	srv, err := bus.StartServer(bus.ServerOptions{Dir: run})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	f.conn, err = bus.Connect(bus.ConnectOptions{Server: srv, Name: "far"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.conn.Close)
	f.library(f.service(bus.LibraryDevice(10)))
	for _, id := range []int{11, 12, 20} {
		f.drive(f.service(bus.DriveDevice(id)), id)
	}
	p := f.service(bus.PortalDevice())
	answer(f, p, bus.PortalStatus(), bus.PortalStatusReply{Listen: []string{"127.0.0.1:1"}})
	f.settle()
	return f
}

// settle waits until the server knows every subscription: the listing comes over
// the same connection, behind them.
func (f *far) settle() {
	f.t.Helper()
	if _, err := bus.Discover(f.t.Context(), f.conn, quiet); err != nil {
		f.t.Fatal(err)
	}
}

func (f *far) service(d bus.Device) *bus.Service {
	f.t.Helper()
	s, err := bus.NewService(f.conn, bus.ServiceOptions{Device: d, Version: "1.0.0"})
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// answer serves an endpoint with one reply and notes the requests.
func answer[Req, Resp any](f *far, s *bus.Service, e bus.Endpoint[Req, Resp], reply Resp) {
	f.t.Helper()
	err := bus.Handle(s, e, func(_ context.Context, r Req) (Resp, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		body, err := json.Marshal(r)
		if err != nil {
			return reply, err
		}
		f.asked = append(f.asked, e.Subject()+" "+string(body))
		return reply, f.fail
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *far) common(s *bus.Service, d bus.Device) {
	answer(f, s, bus.TapeAlert(d), bus.AlertReply{Flags: 0x80000, Names: []string{"Clean now"}})
	answer(f, s, bus.InquiryDataChanged(d), bus.Empty{})
	answer(f, s, bus.Verbose(d), bus.Verbosity{Level: 2})
	answer(f, s, bus.Debug(d), bus.Verbosity{Level: 3})
	answer(f, s, bus.Exit(d), bus.Empty{})
	answer(f, s, bus.Reload(d), bus.ReloadReply{Changes: []string{"slots 4 to 5"}})
	answer(f, s, bus.TargetStatus(d), bus.TargetStatusReply{Name: "iqn.x", Sessions: []bus.Session{{Initiator: "iqn.i", Address: "127.0.0.1:9", Since: "now", Commands: 7}}})
}

func (f *far) library(s *bus.Service) {
	f.common(s, bus.LibraryDevice(10))
	answer(f, s, bus.LibraryOnline(10), bus.Empty{})
	answer(f, s, bus.LibraryMapOpen(10), bus.Empty{})
	answer(f, s, bus.LibraryMapClose(10), bus.Empty{})
	answer(f, s, bus.LibraryMapList(10), bus.BarcodesReply{Barcodes: []string{"VTL001L9", "VTL002L9"}})
	answer(f, s, bus.LibraryMapEmpty(10), bus.BarcodesReply{Barcodes: []string{"VTL001L9"}})
	answer(f, s, bus.LibraryMapLoad(10), bus.Element{Type: "map", Number: 1})
	answer(f, s, bus.LibraryMove(10), bus.MoveReply{Barcode: "VTL001L9", Text: "VTL001L9: slot 1 to drive 2"})
	answer(f, s, bus.LibraryAddSlot(10), bus.AddSlotReply{Slots: 5})
	answer(f, s, bus.LibraryStatus(10), bus.LibraryStatusReply{
		ID: 10, Vendor: "IBM     ", Product: "03584L32        ", Online: true, Slots: 4, SlotsFull: 1, Mail: 1, Serial: "L10",
		Drives: []bus.LibraryDrive{{ID: 11, Element: 1, Address: 256, Barcode: "VTL001L9", Loaded: true, Reachable: true}},
	})
	err := bus.Handle(s, bus.LibraryInventory(10), func(_ context.Context, r bus.InventoryRequest) (bus.InventoryReply, error) {
		if r.Skip == 0 {
			return bus.InventoryReply{Total: 2, More: true, Elements: []bus.Element{{Type: "slot", Number: 1, Address: 1024, Full: true, Barcode: "VTL001L9"}}}, nil
		}
		return bus.InventoryReply{Total: 2, Elements: []bus.Element{{Type: "drive", Number: 1, Address: 256, Drive: 11}}, Shelf: []bus.Volume{{Barcode: "OLD001L9"}}}, nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *far) drive(s *bus.Service, id int) {
	f.common(s, bus.DriveDevice(id))
	answer(f, s, bus.DriveLoad(id), bus.VolumeReply{Barcode: "VTL001L9", Note: "recovered"})
	answer(f, s, bus.DriveUnload(id), bus.VolumeReply{Barcode: "VTL001L9"})
	answer(f, s, bus.DriveAppendOnly(id), bus.Empty{})
	answer(f, s, bus.DriveCompression(id), bus.Empty{})
	answer(f, s, bus.DriveDelay(id), bus.Delays{Load: 1.5})
	answer(f, s, bus.DriveDump(id), bus.LoadHistory{Loads: []bus.LoadRecord{{Time: "now", Barcode: "VTL001L9", What: "refused", Reason: "too old"}}})
	answer(f, s, bus.DriveStatus(id), bus.DriveStatusReply{
		ID: id, Vendor: "IBM     ", Product: "ULT3580-TD9     ", State: "ready", Holds: bus.DriveHolds{Barcode: "VTL001L9", Loaded: true},
		Position: bus.TapePosition{Object: 12, Filemarks: 1}, Capacity: []bus.TapeCapacity{{Max: 18e12, Used: 1e9, Remaining: 17e12}},
	})
}

// questions are what the last command has asked.
func (f *far) questions() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// typed runs one command line against the far side.
func (f *far) typed(words ...string) (status int, stdout, stderr string) {
	f.t.Helper()
	f.mu.Lock()
	f.asked = nil
	f.mu.Unlock()
	var out, err bytes.Buffer
	status = run(f.t.Context(), append([]string{"--config", f.config, "--state", f.dir}, words...), &out, &err)
	return status, out.String(), err.String()
}

func TestCommandsAskAndPrint(t *testing.T) {
	f := newFar(t)
	for _, tc := range []struct{ words, asked, stdout string }{
		// As operators of mhVTL type them.
		{"library online", `vtl.library.10.online {"on":true}`, "OK"},
		{"library offline", `vtl.library.10.online {"on":false}`, "OK"},
		{"10 open map", `vtl.library.10.map-open {}`, "OK"},
		{"library close map", `vtl.library.10.map-close {}`, "OK"},
		{"library list map", `vtl.library.10.map-list {}`, "Contents: VTL001L9 VTL002L9"},
		{"library empty map", `vtl.library.10.map-empty {}`, "OK"},
		{"library load map VTL001L9", `vtl.library.10.map-load {"barcode":"VTL001L9"}`, "OK"},
		{"11 TapeAlert 80000", `vtl.drive.11.tapealert {"flags":524288}`, "TapeAlert: Clean now"},
		{"11 tapealert 0x80000", `vtl.drive.11.tapealert {"flags":524288}`, "TapeAlert: Clean now"},
		{"10 TapeAlert FFFFFFFFFFFFFFFF", `vtl.library.10.tapealert {"flags":18446744073709551615}`, "TapeAlert: Clean now"},
		{"11 InquiryDataChange", `vtl.drive.11.inquiry-data-changed {}`, "OK"},
		{"11 verbose", `vtl.drive.11.verbose {}`, "verbose 2"},
		{"11 verbose 0", `vtl.drive.11.verbose {"level":0}`, "verbose 2"},
		{"11 debug", `vtl.drive.11.debug {}`, "debug 3"},
		{"11 exit", `vtl.drive.11.exit {}`, "OK"},
		{"11 Append Only Yes", `vtl.drive.11.append-only {"on":true}`, "OK"},
		{"11 append only no", `vtl.drive.11.append-only {"on":false}`, "OK"},
		{"11 compression lzo", `vtl.drive.11.compression {"codec":"lz4"}`, "compression lz4"},
		{"11 compression zlib", `vtl.drive.11.compression {"codec":"zstd"}`, "compression zstd"},
		{"11 delay position 1.5", `vtl.drive.11.delay {"operation":"position","seconds":1.5}`, "delay load 1.5, unload 0, rewind 0, position 0, thread 0"},
		{"20 load VTL001L9", `vtl.drive.20.load {"barcode":"VTL001L9"}`, "Loaded OK: VTL001L9 (recovered)"},
		{"20 unload VTL001L9", `vtl.drive.20.unload {"barcode":"VTL001L9"}`, "Unloaded OK: VTL001L9"},
		{"20 unload", `vtl.drive.20.unload {}`, "Unloaded OK: VTL001L9"},
		{"11 dump", `vtl.drive.11.dump {}`, "now  VTL001L9         refused: too old"},
		// And what we have beyond.
		{"12 load VTL001L9", `vtl.library.10.move {"from":"VTL001L9","to":"drive 2"}`, "VTL001L9: slot 1 to drive 2"},
		{"10 move slot 1 drive 2", `vtl.library.10.move {"from":"slot 1","to":"drive 2"}`, "VTL001L9: slot 1 to drive 2"},
		{"10 move VTL001L9 to SLOT 7", `vtl.library.10.move {"from":"VTL001L9","to":"slot 7"}`, "VTL001L9: slot 1 to drive 2"},
		{"10 move 1024 0x100", `vtl.library.10.move {"from":"1024","to":"0x100"}`, "VTL001L9: slot 1 to drive 2"},
		{"11 sessions", `vtl.drive.11.target-status {}`, "iqn.x:\n  iqn.i from 127.0.0.1:9 since now, 7 commands"},
		{"11 reload", `vtl.drive.11.reload {}`, "slots 4 to 5"},
	} {
		t.Run(tc.words, func(t *testing.T) {
			status, stdout, stderr := f.typed(strings.Fields(tc.words)...)
			if status != exitOK || stderr != "" {
				t.Errorf("status %d, stderr %q", status, stderr)
			}
			if stdout != tc.stdout+"\n" {
				t.Errorf("printed %q, want %q", stdout, tc.stdout)
			}
			if asked := f.questions(); len(asked) != 1 || asked[0] != tc.asked {
				t.Errorf("asked %v, want %s", asked, tc.asked)
			}
			status, stdout, stderr = f.typed(append([]string{"--json"}, strings.Fields(tc.words)...)...)
			if status != exitOK || !json.Valid([]byte(stdout)) {
				t.Errorf("with --json: status %d, %q, %q", status, stdout, stderr)
			}
		})
	}
}

func TestRefusalsAreTold(t *testing.T) {
	f := newFar(t)
	f.mu.Lock()
	f.fail = bus.Errorf(bus.CodeRefused, "MAP not opened")
	f.mu.Unlock()
	status, stdout, stderr := f.typed("library", "load", "map", "VTL001L9")
	if status != exitRefused || stdout != "" || stderr != "error: MAP not opened\n" {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

func TestStatusShowsEverything(t *testing.T) {
	f := newFar(t)
	status, stdout, stderr := f.typed("status")
	want := `portal       127.0.0.1:1, 0 targets
library 10   IBM 03584L32, online, slots 1 of 4 full, map 0 of 1 full and closed
drive 11     IBM ULT3580-TD9, VTL001L9 loaded, at object 12 behind 1 filemarks, ready
drive 12     IBM ULT3580-TD9, VTL001L9 loaded, at object 12 behind 1 filemarks, ready
drive 20     IBM ULT3580-TD9, VTL001L9 loaded, at object 12 behind 1 filemarks, ready
`
	if status != exitOK || stdout != want {
		t.Errorf("status %d, printed\n%s\nwant\n%s\nstderr %s", status, stdout, want, stderr)
	}
	status, stdout, _ = f.typed("status", "--json")
	var s suiteStatus
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || status != exitOK {
		t.Fatalf("status %d, %v", status, err)
	}
	if len(s.Drives) != 3 || s.Drives[2].Status == nil || s.Drives[2].Status.Position.Object != 12 {
		t.Errorf("got %+v", s)
	}
}

func TestInventoryAsksForAllPages(t *testing.T) {
	f := newFar(t)
	status, stdout, stderr := f.typed("library", "inventory")
	want := `slot   1     address 1024   VTL001L9
drive  1     address 256    empty  (drive id 11)
shelf                      OLD001L9
`
	if status != exitOK || stdout != want {
		t.Errorf("status %d, printed\n%s\nstderr %s", status, stdout, stderr)
	}
}

func TestDeviceStatus(t *testing.T) {
	f := newFar(t)
	for words, want := range map[string]string{
		"11 status":      "partition      0: 1.0 GB of 18.0 TB used, 17.0 TB left",
		"library status": "drive 1        id 11, address 256, serial : VTL001L9 loaded",
	} {
		status, stdout, stderr := f.typed(strings.Fields(words)...)
		if status != exitOK || !strings.Contains(stdout, want+"\n") {
			t.Errorf("%s: status %d, printed\n%s\nstderr %s", words, status, stdout, stderr)
		}
	}
}

func TestMissingDaemonIsTold(t *testing.T) {
	f := newFar(t)
	text := strings.Replace(oneLibrary, "id: 20,", "id: 21,", 1)
	if err := os.WriteFile(f.config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := f.typed("status")
	if status != exitRefused || !strings.Contains(stdout, "drive 21     drive 21 does not run") || !strings.Contains(stderr, "error: drive 21 does not run") {
		t.Errorf("status %d, printed\n%s\nstderr %s", status, stdout, stderr)
	}
	status, _, stderr = f.typed("21", "status")
	if status != exitRefused || !strings.Contains(stderr, "hint: 'vtlcmd status' shows what runs") {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
}

func TestWatchPrintsEvents(t *testing.T) {
	f := newFar(t)
	ctx, cancel := context.WithCancel(t.Context())
	lines := make(chan string, 100)
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"--config", f.config, "--state", f.dir, "watch"}, lineSink(lines), lineSink(lines))
	}()
	if first := <-lines; !strings.HasPrefix(first, "watching") {
		t.Fatalf("said %q", first)
	}
	if err := bus.Publish(f.conn, bus.LibraryDevice(10), bus.Moved{Barcode: "VTL001L9", From: "slot 1", To: "drive 2"}); err != nil {
		t.Fatal(err)
	}
	if line := <-lines; !strings.HasSuffix(line, " library 10: moved VTL001L9 from slot 1 to drive 2\n") {
		t.Errorf("printed %q", line)
	}
	cancel()
	if status := <-done; status != exitOK {
		t.Errorf("status %d", status)
	}
}

// lineSink hands each write on.
type lineSink chan string

func (l lineSink) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func TestEveryRowIsSound(t *testing.T) {
	for s, name := range map[scope]string{suiteScope: "suite", libraryScope: "library", driveScope: "drive"} {
		seen := map[string]bool{}
		for _, r := range table(s) {
			if r.run == nil || r.help == "" || seen[r.usage] {
				t.Errorf("%s: row %q", name, r.usage)
			}
			seen[r.usage] = true
		}
	}
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct{ usage, words, want string }{
		{"open map", "OPEN Map", "map[] [] 2 true"},
		{"open map", "open", "map[] [] 1 false"},
		{"open map", "open map now", "map[] [] 2 false"},
		{"load BARCODE", "load X", "map[BARCODE:X] [] 2 true"},
		{"add slot [N]", "add slot", "map[] [] 2 true"},
		{"add slot [N]", "add slot 3", "map[N:3] [] 3 true"},
		{"append only yes|no", "Append Only NO", "map[yes:no] [] 3 true"},
		{"append only yes|no", "append only maybe", "map[] [] 2 false"},
		{"move FROM...", "move a b c", "map[] [a b c] 4 true"},
		{"move FROM...", "move", "map[] [] 1 false"},
	} {
		args, rest, depth, ok := match(tc.usage, strings.Fields(tc.words))
		if got := fmt.Sprint(args, rest, depth, ok); got != tc.want {
			t.Errorf("%q with %q: %s, want %s", tc.usage, tc.words, got, tc.want)
		}
	}
}

// FuzzCommandLine: whatever is typed, the answer is a status and a text, and a
// suite that does not run stays as it is.
func FuzzCommandLine(f *testing.F) {
	for _, s := range []string{
		"library load map VTL001L9", "11 TapeAlert 80000", "10 move slot 1 drive 2", "11 delay load 1e309", "--json status",
		"drive", "library 10", "99999999999999999999 status", "10 add slot -1", "remove drive x", "--timeout=nan status", "11 append only",
	} {
		f.Add(s)
	}
	dir := f.TempDir()
	file := filepath.Join(dir, "vtl.yaml")
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Fields(line)
		for _, w := range words {
			// What runs a suite or names other files is not for here.
			if w == "up" || strings.HasPrefix(w, "--c") || strings.HasPrefix(w, "--s") {
				return
			}
		}
		if err := os.WriteFile(file, []byte(oneLibrary), 0o644); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		status := run(t.Context(), append([]string{"--config", file, "--state", dir}, words...), &out, &errs)
		if status != exitOK && status != exitRefused && status != exitUsage {
			t.Errorf("status %d", status)
		}
		if status != exitOK && errs.Len() == 0 {
			t.Errorf("%q: status %d without a word", line, status)
		}
	})
}
