package bus_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"govtl/bus"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// TestStockClientListsPingsAndMeasures speaks the protocol of the services
// framework with nothing of ours, as the nats command does.
func TestStockClientListsPingsAndMeasures(t *testing.T) {
	dir := t.TempDir()
	startServer(t, dir)
	daemon := connect(t, bus.ConnectOptions{RunDir: dir, Name: "vtltape 11"})
	s, err := bus.NewService(daemon, bus.ServiceOptions{Device: bus.DriveDevice(11), Version: "v1.2.3", Description: "a drive"})
	if err != nil {
		t.Fatal(err)
	}
	handle(t, s, bus.DriveState(11), func(_ context.Context, _ bus.Empty) (bus.DriveHolds, error) {
		return bus.DriveHolds{}, bus.Errorf(bus.CodeBusy, "later\nperhaps")
	})
	flush(t, daemon)
	if _, err := bus.Call(within(t), daemon, bus.DriveState(11), bus.Empty{}); err == nil {
		t.Fatal("no error")
	}

	access, err := bus.ReadAccess(dir)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(access.URL, nats.UserInfo(access.User, access.Secret))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	ask := func(subject string, into any) {
		t.Helper()
		m, err := nc.Request(subject, nil, 5*time.Second)
		if err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
		if err := json.Unmarshal(m.Data, into); err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
	}
	var ping micro.Ping
	ask("$SRV.PING.vtltape", &ping)
	if ping.Name != "vtltape" || ping.Version != "1.2.3" || ping.Metadata["id"] != "11" || ping.Metadata["version"] != "v1.2.3" {
		t.Errorf("ping: %+v", ping)
	}
	var info micro.Info
	ask("$SRV.INFO.vtltape."+ping.ID, &info)
	if len(info.Endpoints) != 1 || info.Endpoints[0].Subject != "vtl.drive.11.state" {
		t.Errorf("info: %+v", info)
	}
	var stats micro.Stats
	ask("$SRV.STATS", &stats)
	if len(stats.Endpoints) != 1 || stats.Endpoints[0].NumRequests != 1 || stats.Endpoints[0].NumErrors != 1 {
		t.Errorf("stats: %+v", stats.Endpoints)
	}
}

func TestDiscoverListsDaemonsInOrder(t *testing.T) {
	dir := t.TempDir()
	startServer(t, dir)
	want := []bus.Device{bus.LibraryDevice(10), bus.PortalDevice(), bus.DriveDevice(11), bus.DriveDevice(12)}
	for _, d := range []bus.Device{want[3], want[1], want[0], want[2]} {
		c := connect(t, bus.ConnectOptions{RunDir: dir, Name: d.String()})
		if _, err := bus.NewService(c, bus.ServiceOptions{Device: d, Version: "devel"}); err != nil {
			t.Fatal(err)
		}
		flush(t, c)
	}
	operator := connect(t, bus.ConnectOptions{RunDir: dir})
	list, err := bus.Discover(within(t), operator, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	var got []bus.Device
	for _, in := range list {
		got = append(got, in.Device)
		if in.Version != "devel" {
			t.Errorf("%s has version %q", in.Device, in.Version)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got, want)
			break
		}
	}
}
