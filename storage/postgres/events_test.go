package postgres_test

import (
	"testing"

	"github.com/ozonecloud/ozone/storage/storagetest"
)

// lateCommit has each commit of events end after a while that differs: transactions end in another order than they began.
const lateCommit = `
	CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_sleep(random() * 0.02); RETURN NULL; END $$;
	CREATE CONSTRAINT TRIGGER late AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION late()`

func TestAReaderMissesNoEventOfALateCommit(t *testing.T) {
	t.Parallel()
	url := database(t)
	s := open(t, url)
	defer func() { _ = s.Close() }()
	exec(t, url, lateCommit)
	storagetest.FollowEvents(t, s)
}
