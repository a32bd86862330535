package kills

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is what a run saw.
type Report struct {
	Kills       int
	Early       int // of them, before the node was ready
	Commands    int // of the clients
	Sent        int // requests of these commands
	Repeated    int // commands that were sent more than once
	Accepted    int
	Refused     int
	Unavailable int // answers 503
	Unknown     int // requests that the node's death left without an answer
	Servers     int // at the end
	Switches    int // in the hosts' power logs

	Lost     int // accepted, and not there or not accepted any more
	Doubled  int // commands that ran twice
	Stuck    int // unfinished long after the load ended
	Failed   int // ended badly on hosts without faults
	Overlaps int // servers that were on at two places
	Orphans  int // operations that hosts worked for and no row names

	Log        int64         // bytes of the longest write-ahead log that a kill left
	Quiet      time.Duration // from the end of the load to the last operation's end
	Unfinished []int         // operations under way, at each kill
	Ready      []time.Duration
	Steps      map[string]int // kills at which the step was under way
	// Broken says in words everything that was wrong; the first ones only.
	Broken []string
	More   int // further ones
}

// mostBroken bounds the words of a report.
const mostBroken = 40

func (r *Report) broken(format string, args ...any) {
	if len(r.Broken) >= mostBroken {
		r.More++
		return
	}
	r.Broken = append(r.Broken, fmt.Sprintf(format, args...))
}

func (r *Report) kill(l left, ready time.Duration) {
	r.Kills++
	r.Log = max(r.Log, l.log)
	r.Unfinished = append(r.Unfinished, l.unfinished)
	r.Ready = append(r.Ready, ready)
	for step := range l.steps {
		r.Steps[step]++
	}
}

func median[T int | time.Duration](list []T) T {
	if len(list) == 0 {
		return 0
	}
	s := slices.Clone(list)
	slices.Sort(s)
	return s[len(s)/2]
}

// MedianUnfinished is how many operations were under way at the median kill.
func (r *Report) MedianUnfinished() int { return median(r.Unfinished) }

// Missing lists the steps of names that no kill met.
func (r *Report) Missing(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(s string) bool { return r.Steps[s] > 0 })
}

// String is the report for people.
func (r *Report) String() string {
	var b strings.Builder
	worst := time.Duration(0)
	for _, d := range r.Ready {
		worst = max(worst, d)
	}
	fmt.Fprintf(&b, "kills %d (%d before ready); commands %d (%d requests, %d commands repeated), accepted %d, refused %d, 503 %d, unanswered %d\n",
		r.Kills, r.Early, r.Commands, r.Sent, r.Repeated, r.Accepted, r.Refused, r.Unavailable, r.Unknown)
	fmt.Fprintf(&b, "unfinished at the median kill %d, least %d; restart to ready median %s, worst %s; quiet after %s\n",
		r.MedianUnfinished(), least(r.Unfinished), median(r.Ready).Round(time.Millisecond), worst.Round(time.Millisecond), r.Quiet.Round(time.Millisecond))
	fmt.Fprintf(&b, "servers at the end %d, power switches %d, longest log of the store %d MiB\n", r.Servers, r.Switches, r.Log>>20)
	steps := make([]string, 0, len(r.Steps))
	for s, n := range r.Steps {
		if s == "" {
			s = "(admission, release)"
		}
		steps = append(steps, fmt.Sprintf("%s %d", s, n))
	}
	slices.Sort(steps)
	fmt.Fprintf(&b, "kills that met a step under way: %s\n", strings.Join(steps, ", "))
	fmt.Fprintf(&b, "lost %d, doubled %d, stuck %d, failed %d, two homes %d, orphans %d, wrong in all %d",
		r.Lost, r.Doubled, r.Stuck, r.Failed, r.Overlaps, r.Orphans, len(r.Broken)+r.More)
	for _, s := range r.Broken {
		b.WriteString("\n- " + s)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "\n- and %d more", r.More)
	}
	return b.String()
}

func least(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return slices.Min(list)
}
