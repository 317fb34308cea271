package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"govtl/bus"
	"govtl/iscsi/iscsitest"
	"govtl/test/port"
)

// scraped are the lines of the metrics without comments.
func scraped(t *testing.T, address, accept string) (lines []string, contentType string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v\n%s", resp.StatusCode, err, body)
	}
	if accept == "" {
		p := expfmt.NewTextParser(model.LegacyValidation)
		if _, err := p.TextToMetricFamilies(strings.NewReader(string(body))); err != nil {
			t.Errorf("Prometheus cannot read it: %v", err)
		}
	}
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "#") || line == "# EOF\n" {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines, resp.Header.Get("Content-Type")
}

// TestMetrics writes a tape and looks for it in the metrics of the one address.
func TestMetrics(t *testing.T) {
	address := port.For(t)
	u := newUps(t, oneDrive+"metrics: {listen: \""+address+"\"}\n")
	u.start()
	u.do("11", "load", "VTL001L9")
	conn, err := net.Dial("tcp", u.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s, err := iscsitest.Login(conn, iscsitest.Config{Target: "iqn.2026-11.local.vtl:drive11"})
	if err != nil {
		t.Fatal(err)
	}
	var ready *iscsitest.Command
	for range 5 { // the unit attentions
		ready = &iscsitest.Command{CDB: make([]byte, 6)}
		if err := s.Do(ready); err != nil {
			t.Fatal(err)
		}
		if ready.Status == 0 {
			break
		}
	}
	if ready.Status != 0 {
		t.Fatalf("not ready: %v", ready)
	}
	for _, c := range []*iscsitest.Command{
		{CDB: []byte{0x0A, 0, 0, 0x10, 0, 0}, Out: make([]byte, 4096)},
		{CDB: []byte{0x0A, 0, 0, 0x10, 0, 0}, Out: make([]byte, 4096)},
		{CDB: []byte{0x10, 0, 0, 0, 1, 0}},
		{CDB: []byte{0x01, 0, 0, 0, 0, 0}},
		{CDB: []byte{0x08, 0, 0, 0x10, 0, 0}, In: 4096},
	} {
		if err := s.Do(c); err != nil || c.Status != 0 {
			t.Fatalf("%v: %v", c, err)
		}
	}
	lines, kind := scraped(t, address, "")
	if !strings.HasPrefix(kind, "text/plain") {
		t.Errorf("content type %s", kind)
	}
	all := "\n" + strings.Join(lines, "\n") + "\n"
	for _, want := range []string{
		`vtl_up{id="10",kind="library"} 1`,
		`vtl_up{id="11",kind="drive"} 1`,
		`vtl_sessions{id="11",kind="drive"} 1`,
		`vtl_drive_host_bytes_total{direction="write",id="11",kind="drive"} 8192`,
		`vtl_drive_host_bytes_total{direction="read",id="11",kind="drive"} 4096`,
		`vtl_drive_blocks_total{direction="write",id="11",kind="drive"} 2`,
		`vtl_drive_filemarks_total{id="11",kind="drive"} 1`,
		`vtl_drive_loads_total{id="11",kind="drive"} 1`,
		`vtl_drive_loaded{id="11",kind="drive"} 1`,
		`vtl_drive_buffer_bytes{id="11",kind="drive"} 0`,
		`vtl_drive_buffer_size_bytes{id="11",kind="drive"} 6.7108864e+07`,
		`vtl_drive_stale{id="11",kind="drive"} 0`,
		`vtl_command_duration_seconds_count{command="WRITE(6)",id="11",kind="drive"} 2`,
		`vtl_command_duration_seconds_bucket{command="WRITE FILEMARKS(6)",id="11",kind="drive",le="+Inf"} 1`,
		`vtl_command_duration_seconds_count{command="READ(6)",id="11",kind="drive"} 1`,
		`vtl_sense_total{asc="29/00",deferred="false",id="11",key="UNIT ATTENTION",kind="drive",text="POWER ON, RESET, OR BUS DEVICE RESET OCCURRED"} 1`,
		`vtl_library_moves_total{id="10",kind="library",result="done"} 1`,
		`vtl_library_moves_total{id="10",kind="library",result="failed"} 0`,
		`vtl_library_elements_full{id="10",kind="library",type="slot"} 1`,
		`vtl_library_drives_reachable{id="10",kind="library"} 1`,
	} {
		if !strings.Contains(all, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	for _, want := range []string{"vtl_drive_sync_seconds_total{", "vtl_drive_syncs_total{", "vtl_drive_compression_ratio{", "vtl_build_info{", "vtl_portal_handed_over_total "} {
		if !strings.Contains(all, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		t.Log(all)
	}
	lines, kind = scraped(t, address, "application/openmetrics-text; version=1.0.0")
	if !strings.HasPrefix(kind, "application/openmetrics-text") || lines[len(lines)-1] != "# EOF" {
		t.Errorf("content type %s, the last line %q", kind, lines[len(lines)-1])
	}
	u.sameOverTheBus()
	u.metricsMove(address)
}

// sameOverTheBus asks a drive itself.
func (u *ups) sameOverTheBus() {
	u.t.Helper()
	c, err := bus.Connect(bus.ConnectOptions{RunDir: filepath.Join(u.dir, "state", "run"), Name: "test"})
	if err != nil {
		u.t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(u.t.Context(), quick)
	defer cancel()
	m, err := bus.Call(ctx, c, bus.Metrics(bus.DriveDevice(11)), bus.Empty{})
	if err != nil {
		u.t.Fatal(err)
	}
	if d := m.Drive; d == nil || d.HostBytesWritten != 8192 || d.StoredBytesWritten == 0 || d.SyncPoints == 0 || d.SyncSeconds <= 0 || m.Library != nil {
		text, _ := json.Marshal(m)
		u.t.Errorf("over the bus: %s", text)
	}
}

// metricsMove moves the metrics elsewhere and turns them off by a new
// configuration, and sees what a daemon that has died looks like.
func (u *ups) metricsMove(address string) {
	t := u.t
	t.Helper()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	configure := func(tail string) error {
		if err := os.WriteFile(filepath.Join(u.dir, "vtl.yaml"), []byte(oneDrive+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := u.command("reload").CombinedOutput()
		if err != nil {
			return errors.New(string(out))
		}
		return nil
	}
	if err := configure("metrics: {listen: \"" + taken.Addr().String() + "\"}\n"); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("an address that is taken: %v", err)
	}
	scraped(t, address, "") // as before
	other := port.For(t)
	if err := configure("metrics: {listen: \"" + other + "\"}\n"); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("the old address still answers")
	}
	u.forget()
	if err := syscall.Kill(u.daemons()["vtltape 11"], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	lines, _ := scraped(t, other, "")
	if err := syscall.Kill(u.daemons()["vtltape 11"], syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(lines, "\n")
	if !strings.Contains(all, `vtl_up{id="11",kind="drive"} 0`) || strings.Contains(all, "vtl_drive_") || !strings.Contains(all, `vtl_up{id="10",kind="library"} 1`) {
		t.Errorf("with a drive's daemon that hangs:\n%s", all)
	}
	if err := configure(""); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", other); err == nil {
		t.Error("metrics are served that nobody wants")
	}
}

// TestMetricsTaken: an address of the metrics that another program has keeps
// nobody's tapes away, nor other changes of the configuration. The log and doctor
// say who has it, and `vtlcmd reload` takes it when it is free.
func TestMetricsTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	address := other.Addr().String()
	u := newUps(t, oneDrive+"metrics: {listen: \""+address+"\"}\n")
	u.start()
	u.do("11", "load", "VTL001L9")
	u.do("10", "add", "slot")
	u.expect(u.diagnosis(), "metrics", address+" is taken by ", "'vtlcmd reload'")
	other.Close()
	u.do("reload")
	lines, _ := scraped(t, address, "")
	if !strings.Contains(strings.Join(lines, "\n"), `vtl_up{id="11",kind="drive"} 1`) {
		t.Errorf("after the reload: %q", lines)
	}
}
