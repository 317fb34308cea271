package spc_test

import (
	"log/slog"
	"testing"

	"govtl/scsi"
	"govtl/scsi/scsitest"
	"govtl/scsi/spc"
)

// bare is a device with as little as Core allows.
type bare struct{ *spc.Core }

func (bare) Meets(*scsi.Task, *scsi.Command) error { return nil }
func (bare) MaxTransfer() int                      { return 1 << 20 }

var bareCommands = scsi.Table[bare]{
	0x03: {spc.RequestSense[bare]()}, 0x12: {spc.Inquiry[bare]()}, 0x15: {spc.ModeSelect6[bare]()},
	0x16: {spc.Reserve6[bare]()}, 0x17: {spc.Release6[bare]()}, 0x1A: {spc.ModeSense6[bare]()},
	0x1C: {spc.ReceiveDiagnosticResults[bare]()}, 0x1D: {spc.SendDiagnostic[bare]()},
	0x3B: {spc.WriteBuffer[bare]()}, 0x3C: {spc.ReadBuffer[bare]()},
	0x4C: {spc.LogSelect[bare]()}, 0x4D: {spc.LogSense[bare]()},
	0x5E: spc.PersistentReserveIn[bare](), 0x5F: spc.PersistentReserveOut[bare](),
}

func bareConfig() spc.Config {
	return spc.Config{
		Log:             slog.New(slog.DiscardHandler),
		Inquiry:         spc.InquiryData{DeviceType: 0x08, Vendor: "BARE", Product: "DEVICE", Revision: "1", Length: 36},
		DescriptorSense: true, PersistentTypes: []uint8{spc.ExclusiveAccess, spc.ExclusiveAccessRegistrantsOnly},
	}
}

func TestBareDevice(t *testing.T) {
	scsitest.RunFiles(t, "testdata/bare/*.txt", func(t *testing.T) *scsitest.Env {
		core, err := spc.New(bareConfig())
		if err != nil {
			t.Fatal(err)
		}
		table, err := bareCommands.Finish()
		if err != nil {
			t.Fatal(err)
		}
		server := scsi.NewDeviceServer(bare{core}, table, scsi.Options{Log: slog.New(slog.DiscardHandler)})
		t.Cleanup(server.Close)
		return &scsitest.Env{Unit: scsitest.InProcess(server)}
	})
}

func TestWrongConfigurationsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*spc.Config){
		"no log":              func(c *spc.Config) { c.Log = nil },
		"short":               func(c *spc.Config) { c.Inquiry.Length = 35 },
		"long":                func(c *spc.Config) { c.Inquiry.Length = 261 },
		"vendor":              func(c *spc.Config) { c.Inquiry.Vendor = "NINE CHAR" },
		"byte outside":        func(c *spc.Config) { c.Inquiry.Bytes = map[int]uint8{36: 1} },
		"text outside":        func(c *spc.Config) { c.Inquiry.Text = map[int]string{35: "ab"} },
		"descriptors outside": func(c *spc.Config) { c.Inquiry.VersionDescriptors = []uint16{1} },
	} {
		cfg := bareConfig()
		change(&cfg)
		if _, err := spc.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAllowRemoval(t *testing.T) {
	changes := 0
	cfg := bareConfig()
	cfg.PreventChanged = func() { changes++ }
	core, err := spc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := scsitest.NewNexus("a")
	core.NexusAttached(n)
	table := scsi.Table[bare]{0x1E: {spc.PreventAllow[bare]()}}
	prevent := &scsi.Task{Nexus: n, CDB: []byte{0x1E, 0, 0, 0, 1, 0}}
	if err := table[0x1E][0].Run(bare{core}, prevent); err != nil || !core.RemovalPrevented() {
		t.Fatalf("prevented %v, %v", core.RemovalPrevented(), err)
	}
	core.AllowRemoval()
	if core.RemovalPrevented() || changes != 2 {
		t.Errorf("prevented %v after %d changes", core.RemovalPrevented(), changes)
	}
}
