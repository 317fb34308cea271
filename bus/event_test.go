package bus_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"govtl/bus"
	"govtl/bus/bustest"
)

// everything has one of each happening, with every field set.
func everything() []bus.Happening {
	return []bus.Happening{
		bus.Loaded{Barcode: "VTL001L9", Medium: "LTO9", Note: "recovered"},
		bus.Unloaded{Barcode: "VTL001L9", By: "library", Removed: true},
		bus.LoadFailed{Barcode: "VTL001L6", Code: bus.CodeIncompatible, Reason: "LTO-6 medium cannot be read by an LTO-9 drive"},
		bus.Moved{Barcode: "VTL001L9", From: "slot 1", To: "drive 2", By: "operator"},
		bus.MoveFailed{Barcode: "VTL001L9", From: "slot 1", To: "drive 2", By: "operator", Reason: "drive 2 is full"},
		bus.Door{Open: true},
		bus.Availability{Online: true},
		bus.Shelved{Barcodes: []string{"VTL001L9", "VTL002L9"}, In: true},
		bus.Alert{Flags: 0x80000, Names: []string{"Clean now"}},
		bus.Login{Initiator: "iqn.1993-08.org.debian:01:abc", Address: "127.0.0.1:4711", TSIH: 3},
		bus.Logout{Initiator: "iqn.1993-08.org.debian:01:abc", Address: "127.0.0.1:4711", TSIH: 3, Reason: "connection lost"},
		bus.LoginRefused{Initiator: "iqn.x", Address: "127.0.0.1:4711", Target: "iqn.y", Reason: "not in the list"},
		bus.DriveLost{Drive: 12, Reason: "it is stopped"},
		bus.DriveBack{Drive: 12},
		bus.Ready{Target: "iqn.2026-11.local.vtl:drive11", Address: "127.0.0.1:3260", PID: 7},
		bus.NotReady{Target: "iqn.2026-11.local.vtl:drive11", Reason: "stopped"},
		bus.DaemonChanged{State: bus.DaemonDied, PID: 7, Reason: "killed", Wait: 0.4},
		bus.Configured{Changes: []string{"slots 40 to 41"}, Refused: "no"},
		bus.Recovered{Barcode: "VTL001L9", Text: "cut 512 bytes"},
	}
}

func TestEventsArriveAsTheyWere(t *testing.T) {
	b := bustest.Start(t)
	got := make(chan bus.Event, 100)
	if err := bus.Subscribe(t.Context(), b.Connect("watcher"), func(e bus.Event) { got <- e }); err != nil {
		t.Fatal(err)
	}
	c := b.Connect("drive")
	for _, h := range everything() {
		if err := bus.Publish(c, bus.DriveDevice(11), h); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range everything() {
		e := <-got
		if !reflect.DeepEqual(e.What, want) {
			t.Errorf("got %#v, want %#v", e.What, want)
		}
		if e.Source != bus.DriveDevice(11) || time.Since(e.Time) > time.Minute {
			t.Errorf("source %v, time %v", e.Source, e.Time)
		}
		if e.What.String() == "" || strings.HasSuffix(e.What.String(), ": ") {
			t.Errorf("%T says %q", e.What, e.What)
		}
	}
}

func TestSubscriptionEndsWithItsContext(t *testing.T) {
	b := bustest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan bus.Event, 100)
	watcher := b.Connect("watcher")
	if err := bus.Subscribe(ctx, watcher, func(e bus.Event) { got <- e }); err != nil {
		t.Fatal(err)
	}
	cancel()
	after := make(chan bus.Event, 100)
	if err := bus.Subscribe(t.Context(), watcher, func(e bus.Event) { after <- e }); err != nil {
		t.Fatal(err)
	}
	if err := bus.Publish(b.Connect("drive"), bus.DriveDevice(11), bus.Door{}); err != nil {
		t.Fatal(err)
	}
	<-after // the same connection: the first would have come before
	if len(got) != 0 {
		t.Errorf("%d events after the end", len(got))
	}
}

func TestUnknownEventKeepsItsText(t *testing.T) {
	var e bus.Event
	err := json.Unmarshal([]byte(`{"v":1,"time":"2026-11-21T12:00:00Z","kind":"juggled","source":{"kind":"library","id":10},"text":"three at once","data":{"n":3}}`), &e)
	if err != nil {
		t.Fatal(err)
	}
	if s := e.What.String(); s != "juggled: three at once" {
		t.Errorf("says %q", s)
	}
}

func TestEventOfAnotherVersionIsRefused(t *testing.T) {
	var e bus.Event
	if err := json.Unmarshal([]byte(`{"v":2,"kind":"door","data":{}}`), &e); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("got %v", err)
	}
}

func FuzzEvent(f *testing.F) {
	for _, h := range everything() {
		b, err := json.Marshal(bus.Event{Time: time.Unix(1e9, 0).UTC(), Source: bus.DriveDevice(11), What: h})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e bus.Event
		if err := json.Unmarshal(data, &e); err != nil {
			return
		}
		_ = e.String()
		again, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var second bus.Event
		if err := json.Unmarshal(again, &second); err != nil {
			t.Fatalf("%s does not decode: %v", again, err)
		}
	})
}
