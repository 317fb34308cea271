package main

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"govtl/bus"
)

// family is one metric of a device.
type family struct {
	name, help string
	kind       prometheus.ValueType
	label      string // one beside kind and id; empty: none
	samples    func(*bus.MetricsReply) []sample
}

// sample is one number of a family.
type sample struct {
	label string
	value float64
}

// one is a family's only number.
func one(v float64) []sample { return []sample{{value: v}} }

// yes is 1 for true.
func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// directions are two numbers of bytes or blocks.
func directions(written, read uint64) []sample {
	return []sample{{"write", float64(written)}, {"read", float64(read)}}
}

// ofDrive is a family that only drives have.
func ofDrive(f func(*bus.DriveMetrics) []sample) func(*bus.MetricsReply) []sample {
	return func(r *bus.MetricsReply) []sample {
		if r.Drive == nil {
			return nil
		}
		return f(r.Drive)
	}
}

// ofLibrary is a family that only libraries have.
func ofLibrary(f func(*bus.LibraryMetrics) []sample) func(*bus.MetricsReply) []sample {
	return func(r *bus.MetricsReply) []sample {
		if r.Library == nil {
			return nil
		}
		return f(r.Library)
	}
}

// ofOptical is a family that only optical drives have.
func ofOptical(f func(*bus.OpticalMetrics) []sample) func(*bus.MetricsReply) []sample {
	return func(r *bus.MetricsReply) []sample {
		if r.Optical == nil {
			return nil
		}
		return f(r.Optical)
	}
}

// families are the metrics of devices, but for the command histograms and sense
// data, which have more labels.
func families() []family {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []family{
		{"vtl_start_time_seconds", "When the daemon was started, in seconds since 1970.", gauge, "", func(r *bus.MetricsReply) []sample {
			t, err := time.Parse(time.RFC3339, r.Started)
			if err != nil {
				return nil
			}
			return one(float64(t.Unix()))
		}},
		{"vtl_sessions", "iSCSI sessions that are logged in.", gauge, "", func(r *bus.MetricsReply) []sample { return one(float64(r.Sessions)) }},
		{"vtl_command_status_total", "SCSI commands by the status that they ended with.", counter, "status", func(r *bus.MetricsReply) []sample {
			var all []sample
			for _, s := range r.Statuses {
				all = append(all, sample{s.Status, float64(s.Count)})
			}
			return all
		}},
		{"vtl_tapealert", "TapeAlert flags that are raised, by number.", gauge, "flag", func(r *bus.MetricsReply) []sample {
			var all []sample
			for n := range 64 {
				if r.TapeAlert>>n&1 != 0 {
					all = append(all, sample{fmt.Sprint(n + 1), 1})
				}
			}
			return all
		}},

		{"vtl_drive_host_bytes_total", "Bytes to and from initiators.", counter, "direction",
			ofDrive(func(d *bus.DriveMetrics) []sample { return directions(d.HostBytesWritten, d.HostBytesRead) })},
		{"vtl_drive_stored_bytes_total", "Bytes to and from cartridges, after compression.", counter, "direction",
			ofDrive(func(d *bus.DriveMetrics) []sample { return directions(d.StoredBytesWritten, d.StoredBytesRead) })},
		{"vtl_drive_compression_ratio", "Bytes that initiators wrote for each byte stored.", gauge, "", ofDrive(func(d *bus.DriveMetrics) []sample {
			if d.StoredBytesWritten == 0 {
				return nil
			}
			return one(float64(d.HostBytesWritten) / float64(d.StoredBytesWritten))
		})},
		{"vtl_drive_blocks_total", "Blocks to and from cartridges.", counter, "direction",
			ofDrive(func(d *bus.DriveMetrics) []sample { return directions(d.BlocksWritten, d.BlocksRead) })},
		{"vtl_drive_filemarks_total", "Filemarks written.", counter, "", ofDrive(func(d *bus.DriveMetrics) []sample { return one(float64(d.Filemarks)) })},
		{"vtl_drive_syncs_total", "Times that a cartridge's data were made durable.", counter, "",
			ofDrive(func(d *bus.DriveMetrics) []sample { return one(float64(d.SyncPoints)) })},
		{"vtl_drive_sync_seconds_total", "Time that this has taken.", counter, "", ofDrive(func(d *bus.DriveMetrics) []sample { return one(d.SyncSeconds) })},
		{"vtl_drive_errors_total", "Blocks that could not be written or read.", counter, "direction",
			ofDrive(func(d *bus.DriveMetrics) []sample { return directions(d.WriteErrors, d.ReadErrors) })},
		{"vtl_drive_loads_total", "Loads in the drive's life.", counter, "", ofDrive(func(d *bus.DriveMetrics) []sample { return one(float64(d.Loads)) })},
		{"vtl_drive_cleanings_total", "Cleanings in the drive's life.", counter, "", ofDrive(func(d *bus.DriveMetrics) []sample { return one(float64(d.Cleanings)) })},
		{"vtl_drive_loads_refused_total", "Cartridges that could not be loaded.", counter, "",
			ofDrive(func(d *bus.DriveMetrics) []sample { return one(float64(d.LoadsRefused)) })},
		{"vtl_drive_recoveries_total", "Cartridges that had not been closed properly and were recovered.", counter, "",
			ofDrive(func(d *bus.DriveMetrics) []sample { return one(float64(d.Recoveries)) })},
		{"vtl_drive_loaded", "Whether a cartridge is loaded.", gauge, "", ofDrive(func(d *bus.DriveMetrics) []sample { return one(yes(d.Loaded)) })},
		{"vtl_drive_buffer_bytes", "Bytes in the drive buffer that are not in the cartridge's file yet.", gauge, "",
			ofDrive(func(d *bus.DriveMetrics) []sample { return one(float64(d.BufferedBytes)) })},
		{"vtl_drive_buffer_objects", "Blocks and filemarks in the drive buffer.", gauge, "",
			ofDrive(func(d *bus.DriveMetrics) []sample { return one(float64(d.BufferedObjects)) })},
		{"vtl_drive_buffer_size_bytes", "The size of the drive buffer.", gauge, "", ofDrive(func(d *bus.DriveMetrics) []sample { return one(float64(d.BufferSize)) })},
		{"vtl_drive_stale", "Whether the drive was too busy to be asked: its numbers are those of an earlier answer.", gauge, "",
			ofDrive(func(d *bus.DriveMetrics) []sample { return one(yes(d.Stale)) })},

		{"vtl_optical_bytes_total", "Bytes of discs to and from initiators.", counter, "direction",
			ofOptical(func(o *bus.OpticalMetrics) []sample { return directions(o.BytesWritten, o.BytesRead) })},
		{"vtl_optical_errors_total", "Commands on a disc that its files failed.", counter, "direction",
			ofOptical(func(o *bus.OpticalMetrics) []sample { return directions(o.WriteErrors, o.ReadErrors) })},
		{"vtl_optical_loads_total", "Discs that were loaded.", counter, "", ofOptical(func(o *bus.OpticalMetrics) []sample { return one(float64(o.Loads)) })},
		{"vtl_optical_loads_refused_total", "Discs that could not be loaded.", counter, "",
			ofOptical(func(o *bus.OpticalMetrics) []sample { return one(float64(o.LoadsRefused)) })},
		{"vtl_optical_operations_total", "Operations that were carried out on discs.", counter, "operation", ofOptical(func(o *bus.OpticalMetrics) []sample {
			return []sample{{"blank", float64(o.Blanks)}, {"format", float64(o.Formats)}, {"close", float64(o.Closes)}}
		})},
		{"vtl_optical_busy", "Whether one of them runs.", gauge, "", ofOptical(func(o *bus.OpticalMetrics) []sample { return one(yes(o.Busy)) })},
		{"vtl_optical_loaded", "Whether a disc is in use.", gauge, "", ofOptical(func(o *bus.OpticalMetrics) []sample { return one(yes(o.Loaded)) })},
		{"vtl_optical_readable_bytes", "What can be read of the disc.", gauge, "", ofOptical(func(o *bus.OpticalMetrics) []sample { return one(float64(o.Readable)) })},
		{"vtl_optical_free_bytes", "What can be added to the disc.", gauge, "", ofOptical(func(o *bus.OpticalMetrics) []sample { return one(float64(o.Free)) })},

		{"vtl_library_moves_total", "Moves of cartridges by how they ended.", counter, "result", ofLibrary(func(l *bus.LibraryMetrics) []sample {
			return []sample{{"done", float64(l.Moves)}, {"failed", float64(l.MovesFailed)}}
		})},
		{"vtl_library_mail_total", "Cartridges that operators put in and took out.", counter, "direction", ofLibrary(func(l *bus.LibraryMetrics) []sample {
			return []sample{{"in", float64(l.Imported)}, {"out", float64(l.Exported)}}
		})},
		{"vtl_library_reconciled_total", "Cartridges found elsewhere than expected, or damaged.", counter, "",
			ofLibrary(func(l *bus.LibraryMetrics) []sample { return one(float64(l.Reconciled)) })},
		{"vtl_library_online", "Whether the library is online.", gauge, "", ofLibrary(func(l *bus.LibraryMetrics) []sample { return one(yes(l.Online)) })},
		{"vtl_library_elements", "Elements by type.", gauge, "type", ofLibrary(func(l *bus.LibraryMetrics) []sample {
			return []sample{{"slot", float64(l.Slots)}, {"map", float64(l.Mail)}, {"drive", float64(l.Drives)}}
		})},
		{"vtl_library_elements_full", "Elements with a cartridge by type.", gauge, "type", ofLibrary(func(l *bus.LibraryMetrics) []sample {
			return []sample{{"slot", float64(l.SlotsFull)}, {"map", float64(l.MailFull)}}
		})},
		{"vtl_library_shelf", "Cartridges on the shelf.", gauge, "", ofLibrary(func(l *bus.LibraryMetrics) []sample { return one(float64(l.Shelf)) })},
		{"vtl_library_unsettled_moves", "Moves whose outcome is not known yet.", gauge, "",
			ofLibrary(func(l *bus.LibraryMetrics) []sample { return one(float64(l.Unsettled)) })},
		{"vtl_library_drives_reachable", "Drives that answer their library.", gauge, "",
			ofLibrary(func(l *bus.LibraryMetrics) []sample { return one(float64(l.DrivesReachable)) })},
	}
}

// export turns one device's numbers into metrics.
func export(out chan<- prometheus.Metric, d bus.Device, r *bus.MetricsReply) {
	for _, f := range families() {
		var label []string
		if f.label != "" {
			label = []string{f.label}
		}
		desc := prometheus.NewDesc(f.name, f.help, deviceLabels(label...), nil)
		for _, s := range f.samples(r) {
			var value []string
			if f.label != "" {
				value = []string{s.label}
			}
			out <- prometheus.MustNewConstMetric(desc, f.kind, s.value, labelsOf(d, value...)...)
		}
	}
	exportCommands(out, d, r)
	desc := prometheus.NewDesc("vtl_sense_total", "SCSI commands that ended with CHECK CONDITION, by sense key and additional sense code. "+
		"Not all are errors: a filemark that was read is one of them.", deviceLabels("key", "asc", "text", "deferred"), nil)
	for _, s := range r.Senses {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(s.Count),
			labelsOf(d, s.KeyName, fmt.Sprintf("%02X/%02X", s.ASC>>8, s.ASC&0xFF), s.Name, fmt.Sprint(s.Deferred))...)
	}
}

// exportCommands makes a histogram of each command.
func exportCommands(out chan<- prometheus.Metric, d bus.Device, r *bus.MetricsReply) {
	desc := prometheus.NewDesc("vtl_command_duration_seconds",
		"Time of SCSI commands from when their turn came until their status, by command.", deviceLabels("command"), nil)
	for _, c := range r.Commands {
		if len(c.Buckets) != len(r.Bounds)+1 {
			continue // of another version
		}
		buckets, sum := map[float64]uint64{}, uint64(0)
		for i, bound := range r.Bounds {
			sum += c.Buckets[i]
			buckets[bound] = sum
		}
		out <- prometheus.MustNewConstHistogram(desc, c.Count, c.Seconds, buckets, labelsOf(d, c.Name)...)
	}
}
