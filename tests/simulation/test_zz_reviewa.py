import random, pytest
from unittest.mock import patch
from twisted.internet.defer import succeed
from tests.simulation.test_recovery_review import *
from tests.peers.server import Session
from proxy.mysql.session.fate import Fate

def commit(self, sql):
    self._commit()
    if "CHAIN" in sql:
        self.in_trans, self.transaction = True, "START TRANSACTION;"
    return [self.ok()]

class Oracle(KnownFate):
    def __init__(self, world): super().__init__(); self.world=world; self.rows=()
    def fate(self, connection, sent_at):
        has = [r in self.world.database.committed for r in self.rows]
        if has and all(has): return succeed(Fate.COMMITTED)
        if not any(has): return succeed(Fate.NOT_COMMITTED)
        return succeed(Fate.UNKNOWN)

TEXTS = ["BEGIN","COMMIT","ROLLBACK","INSERT","INSERT","INSERT","SELECT 1","SET autocommit=0","SET autocommit=1","SELECT GET_LOCK('a', 1)","DO RELEASE_LOCK('a')","SAVEPOINT s","ALTER TABLE t","COMMIT AND CHAIN","SET sql_mode='ANSI'","SELECT @@sql_mode","SHOW WARNINGS","SELECT LAST_INSERT_ID()", "INSERT BAD 1", "LOCK TABLES t", "\x0e", "EXEC", "LONG", "CURSOR", "\x1f"]

@pytest.mark.parametrize("seed", range(1500))
def test_walk(seed):
    rnd = random.Random(seed)
    story=[]
    with failing_world(cap=3, transaction_replay="safe" if seed % 3 else "off") as world, patch.object(Session, "_do_commit", commit):
        oracle = world.context.failover = Oracle(world)
        c = StatementClient(world)
        n=0
        num = c.prepare("INSERT ?"); rnum = c.prepare("SELECT ?")
        pending=[]   # rows in the open transaction as the client believes
        status = 2
        truth = {}   # row -> committed / not / unknown
        for step in range(25):
            text = rnd.choice(TEXTS)
            row=None
            if text in ("INSERT","EXEC","LONG"):
                n+=1; row=str(n)
            if text=="INSERT": text=f"INSERT {n}"
            fault = rnd.random()
            before = set(world.database.committed)
            in_tx = bool(status & 1) or not status & 2
            oracle.rows = pending + ([row] if row and not in_tx else [])
            if fault < 0.12 and c.has_connection:
                story.append("lose idle"); lose(c)
            mode = "ok"
            if text[0] in "\x0e\x1f":
                act = lambda: c.command(text.encode())
            elif text=="EXEC":
                act = lambda: c.execute(num, row.encode())
            elif text=="LONG":
                act = lambda: (c.long_data(num,0,row.encode()), c.execute(num, b""))[1]
            elif text=="CURSOR":
                def act():
                    a=c.execute(rnum, 5, cursor=True)
                    if a and a[0][:1] != b"\xff" and rnd.random()<.7: c.fetch(rnum, 9)
                    return a
            else:
                act = lambda: c.query(text)
                if fault > 0.8:
                    mode = rnd.choice(["unanswered","unread"]) ; getattr(FailingServer,mode)[text]=1
                elif fault > 0.75:
                    mode="1290"; FailingServer.answers[text]=[[demoted()]]
            story.append((step,text.encode(),mode,row,status))
            a = act()
            tries=0
            while not a and mode in("unanswered","unread"):
                if c.has_connection:
                    try: lose(c)
                    except ValueError: break
                a = answer_of(c)
                tries+=1
                if tries>5: break
            for d in (FailingServer.unanswered, FailingServer.unread, FailingServer.answers): d.pop(text,None)
            story.append([x[:90] for x in a])
            if c.peer.closed:
                story.append("closed"); break
            assert a, story
            last = a[-1]
            err = errno([a[0]]) if a[0][:1]==b"\xff" else 0
            story.append(("committed",list(world.database.committed)))
            if err:
                txt=a[0]
                if err==1213:
                    for r in pending+([row] if row else []): truth[r]="not"
                    pending=[]; status = status & ~1
                elif err==2013:
                    k = "committed" if b"was committed" in txt and b"unknown" not in txt else "unknown" if b"unknown" in txt else "not"
                    if b"was not committed" in txt: k="not"
                    for r in pending+([row] if row else []): truth[r]= "unknown" if k=="committed" and r==row and in_tx else k
                    pending=[]; status = status & ~1
                else:
                    if row: truth[row]="not"
                    # statement error; tx goes on
                    
                if err in (1213,2013) and row is None and text.startswith(("BEGIN","ALTER","SET auto","COMMIT")):
                    pass
            else:
                if len(a)==1:
                    o=a[0]; assert o[0]==0, story
                    status=int.from_bytes(o[3:5] if o[1]<0xfb and o[2]<0xfb else b"\2\0","little")
                else:
                    status=int.from_bytes(last[3:5],"little") if last[0]==0xfe and len(last)>=7 else status
                if row:
                    pending.append(row)
                verb=(text.split() or [""])[0]
                if verb=="ROLLBACK" or text[0]=="\x1f":
                    for r in pending: truth[r]="not"
                    pending=[]
                elif verb in("COMMIT","BEGIN","ALTER") or not status&1:
                    if text=="COMMIT AND CHAIN": assert status&1, story
                    for r in pending: truth[r]="committed"
                    pending=[]
            cm = world.database.committed
            assert len(cm)==len(set(cm)), ("TWICE", story)
            for r,k in truth.items():
                if k=="committed": assert r in cm, ("LOST",r,story)
                if k=="not": assert r not in cm, ("FALSE NOT",r,story)
            for r in pending: assert r not in cm, ("EARLY", r, story)
        if not c.peer.closed: assert errno(c.query("ROLLBACK"))in (0,1213,2013)
