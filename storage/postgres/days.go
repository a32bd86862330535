package postgres

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/ozonecloud/ozone/storage/internal/sqlstore"
)

// day is a day of UTC: days since 1970.
type day int64

const (
	oneDay = 24 * time.Hour
	// lastDay is in the year 2517: until then the ids of operations begin with 0, and names of parts sort like days.
	lastDay day = 200_000
)

func dayOf(t time.Time) day { return day(t.Unix() / int64(oneDay/time.Second)) }

func (d day) begin() time.Time { return time.Unix(int64(d)*int64(oneDay/time.Second), 0).UTC() }

func (d day) end() time.Time { return (d + 1).begin() }

// daily is a table in parts, one for each day.
type daily struct {
	table  string
	column string                      // it tells the day of a row
	of     func(value any) (day, bool) // false: no part could hold the row
	first  func(day) string            // value of the column on that day, as a literal
	// made is what is said when a part is made, with its name in the place of %s.
	made []string
	// needed says whether a part, in the place of %s, has rows that are needed still; $1 is the oldest time that is kept. It may
	// read the whole part. "": only the day counts.
	needed string
	keep   time.Duration
}

// dailies lists them. Operations that go on, or that ended a short time ago, keep their whole day.
var dailies = []*daily{
	{
		table: "operation", column: "id", of: dayOfOperation, first: firstOperation,
		made: []string{`ALTER TABLE %s SET (fillfactor = 60)`},
		needed: `SELECT EXISTS (SELECT 1 FROM %[1]s WHERE unfinished = 1)
			OR EXISTS (SELECT 1 FROM %[1]s WHERE updated >= $1)`,
		keep: sqlstore.KeepOperations,
	},
	{
		table: "event", column: "time", of: dayOfEvent, first: firstEvent,
		made: []string{`ALTER TABLE %s ADD UNIQUE (kind, source, sequence)`},
		keep: sqlstore.KeepEvents,
	},
}

// dailyOf is the daily table of a name, or nil.
func dailyOf(table string) *daily {
	for _, t := range dailies {
		if t.table == table {
			return t
		}
	}
	return nil
}

const partDate = "20060102"

// part is the name of a day's part.
func (t *daily) part(d day) string { return t.table + "_" + d.begin().Format(partDate) }

// dayOfPart is the day of a part's name.
func (t *daily) dayOfPart(name string) (day, bool) {
	at, err := time.Parse(partDate, strings.TrimPrefix(name, t.table+"_"))
	return dayOf(at), err == nil
}

// bounds is where a day's part begins and where the next one does.
func (t *daily) bounds(d day) string {
	return fmt.Sprintf("FOR VALUES FROM (%s) TO (%s)", t.first(d), t.first(d+1))
}

// firstOperation is behind every id of the days before and before every id of the day: ids are UUIDv7.
func firstOperation(d day) string {
	ms := fmt.Sprintf("%012x", d.begin().UnixMilli())
	return pq.QuoteLiteral(ms[:8] + "-" + ms[8:] + "-")
}

// dayOfOperation reads the time in an id, which begins with 12 digits of it, in two groups.
func dayOfOperation(value any) (day, bool) {
	id, ok := value.(string)
	if !ok || len(id) < 14 || id[8] != '-' || id[13] != '-' {
		return 0, false
	}
	ms, err := strconv.ParseUint(id[:8]+id[9:13], 16, 63)
	d := dayOf(time.UnixMilli(int64(ms)))
	return d, err == nil && d <= lastDay && strings.ToLower(id[:13]) == id[:13]
}

func firstEvent(d day) string { return strconv.FormatInt(d.begin().UnixMicro(), 10) }

func dayOfEvent(value any) (day, bool) {
	micros, ok := value.(int64)
	d := dayOf(time.UnixMicro(micros))
	return d, ok && micros >= 0 && d <= lastDay
}
