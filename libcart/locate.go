package libcart

import (
	"fmt"
)

// LocateObject moves to a logical object of a partition, or with ErrEndOfData to
// the end of data when there are not so many. ErrPartition leaves the position.
func (c *Cartridge) LocateObject(part uint8, object uint64) error {
	p, err := c.leaveFor(part)
	if err != nil {
		return err
	}
	if object == 0 {
		c.counters.LifetimeRewinds++
	}
	if err := c.move(p, min(object, p.objects)); err != nil {
		return err
	}
	if object > p.objects {
		return ErrEndOfData
	}
	return nil
}

// LocateFile moves to the place just behind the filemarks-th filemark of a
// partition (0: its beginning), or with ErrEndOfData to the end of data.
func (c *Cartridge) LocateFile(part uint8, filemarks uint64) error {
	p, err := c.leaveFor(part)
	if err != nil {
		return err
	}
	if filemarks > p.filemarks {
		if err := c.move(p, p.objects); err != nil {
			return err
		}
		return ErrEndOfData
	}
	object, err := c.behindFilemark(p, filemarks)
	if err != nil {
		return err
	}
	return c.move(p, object)
}

// LocateEnd moves to the end of data of a partition.
func (c *Cartridge) LocateEnd(part uint8) error {
	if c.appending && part == c.pos.Partition {
		return nil
	}
	p, err := c.leaveFor(part)
	if err != nil {
		return err
	}
	return c.move(p, p.objects)
}

// SpaceBlocks moves over n blocks, back when n is negative, and returns how many
// it passed (never negative). ErrFilemark: it met a filemark and stands beyond
// it in the direction of travel. ErrEndOfData and ErrBeginning: it stands there.
// A damaged object counts as a block. (SSC-4 SPACE)
func (c *Cartridge) SpaceBlocks(n int64) (done int64, err error) {
	if n == 0 {
		return 0, nil
	}
	p, err := c.leaveFor(c.pos.Partition)
	if err != nil {
		return 0, err
	}
	here, marks := c.pos.Object, c.pos.Filemarks
	if n > 0 {
		target := min(here+uint64(n), p.objects)
		after, err := c.filemarksBefore(p, target)
		if err != nil {
			return 0, err
		}
		if after > marks {
			if target, err = c.behindFilemark(p, marks+1); err != nil {
				return 0, err
			}
			return int64(target - 1 - here), c.moveFor(p, target, ErrFilemark)
		}
		if done = int64(target - here); done < n {
			return done, c.moveFor(p, target, ErrEndOfData)
		}
		return done, c.move(p, target)
	}
	back := uint64(-n)
	target := here - min(back, here)
	before, err := c.filemarksBefore(p, target)
	if err != nil {
		return 0, err
	}
	if before < marks {
		mark, err := c.behindFilemark(p, marks)
		if err != nil {
			return 0, err
		}
		return int64(here - mark), c.moveFor(p, mark-1, ErrFilemark)
	}
	if here < back {
		return int64(here), c.moveFor(p, 0, ErrBeginning)
	}
	return int64(back), c.move(p, target)
}

// SpaceFilemarks moves over n filemarks, back when n is negative, and returns
// how many it passed. Forward it ends behind the last, backward before it (on
// the side of the beginning). ErrEndOfData and ErrBeginning: it stands there.
func (c *Cartridge) SpaceFilemarks(n int64) (done int64, err error) {
	if n == 0 {
		return 0, nil
	}
	p, err := c.leaveFor(c.pos.Partition)
	if err != nil {
		return 0, err
	}
	marks := c.pos.Filemarks
	if n > 0 {
		if uint64(n) > p.filemarks-marks {
			return int64(p.filemarks - marks), c.moveFor(p, p.objects, ErrEndOfData)
		}
		object, err := c.behindFilemark(p, marks+uint64(n))
		if err != nil {
			return 0, err
		}
		return n, c.move(p, object)
	}
	back := uint64(-n)
	if back > marks {
		return int64(marks), c.moveFor(p, 0, ErrBeginning)
	}
	object, err := c.behindFilemark(p, marks-back+1)
	if err != nil {
		return 0, err
	}
	return int64(back), c.move(p, object-1)
}

// leaveFor ends appending and returns a partition to move in.
func (c *Cartridge) leaveFor(part uint8) (*partition, error) {
	if int(part) >= len(c.parts) {
		return nil, fmt.Errorf("%w: %d of %d", ErrPartition, part, len(c.parts))
	}
	if err := c.leave(); err != nil {
		return nil, err
	}
	return c.parts[part], nil
}

// move makes an object of a partition the position.
func (c *Cartridge) move(p *partition, object uint64) error {
	f, err := c.filemarksBefore(p, object)
	if err != nil {
		return err
	}
	if object != c.pos.Object || p.number != c.pos.Partition {
		c.ahead.stop()
	}
	c.pos = Position{Partition: p.number, Object: object, Filemarks: f}
	return nil
}

// moveFor moves and then returns why it stopped there.
func (c *Cartridge) moveFor(p *partition, object uint64, why error) error {
	if err := c.move(p, object); err != nil {
		return err
	}
	return why
}
