//! Runs that failed once, each with the story of what it showed.

use highwater::simulation::replay;

/// Whoever pastes half of a script is told where it ends to make sense.
#[test]
fn a_script_that_makes_no_sense_is_refused_by_line() {
    let failure = replay("(setup:1)").expect_err("that is no beginning");
    assert!(failure.dispute().starts_with("line 1: "), "{failure}");
}

/// The story: a deposit was applied and set aside for somebody else, the operation failed for certain,
/// and a recovery could not take the deposit back. The model said that the failure was in doubt from
/// then on; the rules say that it is what it was, and waits for a human.
#[test]
fn a_failure_that_cannot_be_undone_keeps_its_class() {
    let script = r#"
        (setup:(seed:130090291438,synced:true,memory_bytes:1048576,segment_bytes:65536,snapshot_bytes:16384,keeps_log:false,limits:(open_positions:None,cost:None)),first_cut:0)
        Line((number:5,action:Begin(intent:(key:36,task:Add(Main,(Bnb,79)),holds:[],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:0,deadline:None,max_attempts:1,idempotent:false,claim:None,cursor:None),again:false,start:false,keep:true)))
        Line((number:6,action:Call(caller:Handle(5),call:Start,keep:false)))
        Line((number:8,action:Call(caller:Anybody(1),call:Apply((parts:[Deposit(Main,(Bnb,79)),Deposit(Main,(Bnb,79)),Deposit(Main,(Bnb,58))],cover:false)),keep:false)))
        Line((number:13,action:Call(caller:Anybody(1),call:TakeOver,keep:true)))
        Line((number:18,action:Begin(intent:(key:184,task:Open((owner:Main,coin:Yes,quote:Usd,tag:1,method:Average)),holds:[(Bnb,6)],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:0,deadline:None,max_attempts:2,idempotent:true,claim:None,cursor:None),again:false,start:true,keep:true)))
        Line((number:19,action:Call(caller:Handle(13),call:Fail(Definite),keep:true)))
        Kill(trouble:[])
        Line((number:27,action:Recovery(Begin)))
        Line((number:28,action:Recovery(Next)))
        Line((number:30,action:Recovery(Decide(1,RollBack))))
    "#;
    replay(script).unwrap();
}

/// The story: while a recovery had presented an order, somebody recorded a fill that was known already.
/// The books stayed as they were, but the order's life did not: whoever decides has not seen that call,
/// and the verdict is raced. The model looked at the books alone.
#[test]
fn a_call_that_says_nothing_new_races_a_verdict_all_the_same() {
    let script = r#"
        (setup:(seed:385870871848,synced:true,memory_bytes:131072,segment_bytes:98304,snapshot_bytes:16384,keeps_log:false,limits:(open_positions:Some(2),cost:Some(250))),first_cut:0)
        Line((number:1,action:Deed(deeds:[Deposit(Main,(Usd,573))],all_or_nothing:true,way:Ticket(synced:true))))
        Line((number:4,action:Deed(deeds:[Deposit(Side,(Usd,1017))],all_or_nothing:true,way:Plain)))
        Line((number:5,action:Begin(intent:(key:98,task:Add(Main,(Usd,15)),holds:[],reduces:[],increases:[],opens:[],touches:[],owners:[],payload:0,deadline:None,max_attempts:1,idempotent:false,claim:Some((1,2,1699998980000000)),cursor:None),again:false,start:false,keep:false)))
        Line((number:11,action:Reopen(clean:false)))
        Line((number:12,action:Recovery(Begin)))
        Line((number:13,action:Recovery(Next)))
        Kill(trouble:[])
        Line((number:16,action:Begin(intent:(key:27,task:Deduct(Main,(Usd,95)),holds:[],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:0,deadline:None,max_attempts:2,idempotent:true,claim:Some((0,1,1700000120000000)),cursor:None),again:false,start:false,keep:true)))
        Kill(trouble:[(fault:Io,call:Some(SyncDir),within:"base",first:2,times:5)])
        Line((number:19,action:Recovery(Begin)))
        Line((number:20,action:Recovery(Next)))
        Kill(trouble:[])
        PowerCut((calls:10,again:11,style:Random,seed:640885624571,trouble:[(fault:IoHalfDone,call:Some(SetLen),within:"",first:1,times:4)]))
        Line((number:26,action:Begin(intent:(key:85,task:Open((owner:Side,coin:Yes,quote:Usd,tag:0,method:Average)),holds:[(Usd,37)],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:0,deadline:None,max_attempts:2,idempotent:true,claim:None,cursor:None),again:false,start:true,keep:true)))
        Line((number:33,action:Call(caller:Anybody(3),call:Record((parts:[Buy(1,(venue:Binance,id:Some(76),quantity:(Yes,29),gross:(Usd,0),fees:[(Usd,3)],corrects:None))],cover:true)),keep:true)))
        Line((number:34,action:Call(caller:Anybody(3),call:Fail(Ambiguous),keep:true)))
        Line((number:35,action:Deed(deeds:[Adjust(Main,(Bnb,181)),Deposit(Main,(Usd,272)),OpeningBalance(Main,(Bnb,60))],all_or_nothing:true,way:Waiting(synced:true))))
        Line((number:36,action:Begin(intent:(key:192,task:Trade(Main),holds:[(Usd,66),(Bnb,1)],reduces:[],increases:[],opens:[(owner:Main,coin:Yes,quote:Usd,tag:0,method:Fifo),(owner:Main,coin:No,quote:Usd,tag:0,method:Average)],touches:[],owners:[],payload:0,deadline:None,max_attempts:3,idempotent:true,claim:None,cursor:None),again:false,start:true,keep:false)))
        Line((number:37,action:Recovery(Begin)))
        Line((number:41,action:Call(caller:Anybody(3),call:Record((parts:[Buy(1,(venue:Binance,id:Some(184),quantity:(Yes,35),gross:(Usd,26),fees:[(Bnb,0)],corrects:None))],cover:false)),keep:true)))
        Line((number:46,action:Recovery(Next)))
        Line((number:47,action:Call(caller:Anybody(3),call:Record((parts:[Buy(1,(venue:Binance,id:Some(184),quantity:(Yes,20),gross:(Usd,0),fees:[(Usd,1),(Yes,2)],corrects:None))],cover:false)),keep:true)))
        Line((number:48,action:Recovery(Decide(3,Complete((parts:[Buy(1,(venue:Binance,id:Some(76),quantity:(Yes,30),gross:(Usd,82),fees:[(Yes,1),(Bnb,2)],corrects:Some(9)))],cover:false))))))
    "#;
    replay(script).unwrap();
}

/// The story: a recovery had presented an order that had failed, and before anybody decided somebody
/// tried it again by its number, one attempt too often. The recovery ended without a verdict. Whoever was
/// asked came back, so the presentation was not in vain; the model said that only of cases which nobody
/// had touched meanwhile, and so did the library of verdicts, though not of a recovery's end.
#[test]
fn an_answer_is_an_answer_also_where_somebody_else_was_faster() {
    let script = r#"
        (setup:(seed:821160620367,synced:false,memory_bytes:1048576,segment_bytes:98304,snapshot_bytes:16384,keeps_log:false,limits:(open_positions:None,cost:None)),first_cut:0)
        Line((number:1,action:Deed(deeds:[Deposit(Side,(Usd,1306))],all_or_nothing:true,way:Plain)))
        Line((number:2,action:Begin(intent:(key:136,task:Open((owner:Side,coin:Yes,quote:Usd,tag:0,method:Fifo)),holds:[(Usd,17)],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:1,deadline:Some(1700000004000000),max_attempts:3,idempotent:true,claim:None,cursor:None),again:false,start:false,keep:true)))
        Line((number:5,action:Begin(intent:(key:50,task:Add(Main,(Bnb,89)),holds:[],reduces:[],increases:[],opens:[],touches:[],owners:[],payload:0,deadline:None,max_attempts:1,idempotent:true,claim:None,cursor:None),again:false,start:true,keep:false)))
        Line((number:6,action:Reopen(clean:false)))
        Line((number:12,action:Recovery(Begin)))
        Line((number:15,action:Recovery(Next)))
        Line((number:16,action:Recovery(Decide(2,RetryLater(1699999999000000)))))
        Kill(trouble:[])
        Line((number:23,action:Recovery(Begin)))
        Line((number:25,action:Recovery(Next)))
        Line((number:26,action:Call(caller:Anybody(2),call:Retry,keep:true)))
        Line((number:27,action:Recovery(Finish)))
    "#;
    replay(script).unwrap();
}

/// The story: one entry had split cash into two positions. Of one of them the units were set aside, the
/// other had been bought into since; so there were two reasons not to take the entry back. The model
/// knew only of the second, and the library told the first.
#[test]
fn either_of_two_positions_keeps_their_entry_from_being_reversed() {
    let script = r#"
        (setup:(seed:1022230981042,synced:true,memory_bytes:131072,segment_bytes:98304,snapshot_bytes:2097152,keeps_log:true,limits:(open_positions:None,cost:None)),first_cut:0)
        Line((number:1,action:Deed(deeds:[Deposit(Main,(Usd,1407))],all_or_nothing:true,way:Waiting(synced:false))))
        Line((number:2,action:Begin(intent:(key:18,task:Open((owner:Main,coin:No,quote:Usd,tag:0,method:Fifo)),holds:[(Usd,42)],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:1,deadline:None,max_attempts:2,idempotent:false,claim:None,cursor:None),again:false,start:true,keep:true)))
        Line((number:3,action:Call(caller:Handle(2),call:Fail(Ambiguous),keep:false)))
        Line((number:5,action:Call(caller:Anybody(1),call:ResolveComplete((parts:[],cover:false)),keep:true)))
        Line((number:10,action:Deed(deeds:[Deposit(Side,(Usd,1368))],all_or_nothing:true,way:Waiting(synced:true))))
        Line((number:11,action:Begin(intent:(key:36,task:Open((owner:Main,coin:No,quote:Usd,tag:1,method:Average)),holds:[],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:1,deadline:Some(1700000026000000),max_attempts:3,idempotent:true,claim:None,cursor:None),again:false,start:true,keep:true)))
        Line((number:12,action:Deed(deeds:[Deposit(Main,(Bnb,480))],all_or_nothing:true,way:Waiting(synced:false))))
        Line((number:15,action:Begin(intent:(key:86,task:Deduct(Side,(Usd,158)),holds:[],reduces:[],increases:[],opens:[],touches:[],owners:[],payload:0,deadline:None,max_attempts:3,idempotent:true,claim:None,cursor:None),again:false,start:false,keep:false)))
        Line((number:18,action:Call(caller:Handle(11),call:Complete((parts:[Buy(2,(venue:Binance,id:Some(164),quantity:(No,33),gross:(Usd,74),fees:[(Usd,3)],corrects:None))],cover:false)),keep:true)))
        Line((number:19,action:Deed(deeds:[Withdraw(Main,(Usd,1330))],all_or_nothing:true,way:Plain)))
        Line((number:20,action:Deed(deeds:[Deposit(Main,(Usd,779))],all_or_nothing:true,way:Waiting(synced:false))))
        Line((number:21,action:Begin(intent:(key:136,task:Trade(Main),holds:[(Usd,121)],reduces:[(2,33)],increases:[],opens:[(owner:Main,coin:Yes,quote:Usd,tag:0,method:Average)],touches:[Bnb],owners:[],payload:1,deadline:Some(1700000037000000),max_attempts:1,idempotent:true,claim:None,cursor:None),again:false,start:false,keep:true)))
        Line((number:24,action:Call(caller:Handle(21),call:Start,keep:true)))
        PowerCut((calls:9,again:18,style:LoseAll,seed:824707979659,trouble:[]))
        Line((number:28,action:Checkpoint))
        Line((number:29,action:Recovery(Begin)))
        Line((number:30,action:Recovery(Next)))
        Line((number:31,action:Recovery(Decide(4,RetryLater(1700000019000000)))))
        Line((number:32,action:Recovery(Finish)))
        Line((number:34,action:Deed(deeds:[Deposit(Side,(Bnb,910))],all_or_nothing:true,way:Plain)))
        Line((number:35,action:Call(caller:Anybody(4),call:ResolveComplete((parts:[Sell(2,(venue:Binance,id:Some(53),quantity:(No,25),gross:(Usd,85),fees:[(Bnb,1)],corrects:None))],cover:false)),keep:true)))
        Line((number:40,action:Begin(intent:(key:94,task:Trade(Main),holds:[(Usd,6)],reduces:[],increases:[],opens:[(owner:Main,coin:Yes,quote:Usd,tag:0,method:Average),(owner:Main,coin:No,quote:Usd,tag:0,method:Average)],touches:[Bnb],owners:[],payload:1,deadline:None,max_attempts:2,idempotent:false,claim:Some((1,4,1699998800000000)),cursor:None),again:false,start:false,keep:true)))
        Line((number:41,action:Call(caller:Handle(40),call:Start,keep:true)))
        Line((number:61,action:Reopen(clean:true)))
        Line((number:62,action:Recovery(Begin)))
        Line((number:63,action:Recovery(Next)))
        Line((number:64,action:Recovery(Decide(5,Complete((parts:[Split((Usd,32),[(4,None),(5,None)]),Buy(5,(venue:Kraken,id:Some(53),quantity:(No,28),gross:(Usd,62),fees:[(Bnb,0)],corrects:None))],cover:false))))))
        Line((number:66,action:Recovery(Finish)))
        Line((number:67,action:Begin(intent:(key:115,task:Trade(Main),holds:[],reduces:[(4,22),(5,39)],increases:[],opens:[],touches:[Bnb],owners:[],payload:0,deadline:None,max_attempts:3,idempotent:true,claim:None,cursor:None),again:false,start:true,keep:true)))
        Line((number:76,action:Deed(deeds:[Reverse(9)],all_or_nothing:true,way:Ticket(synced:false))))
    "#;
    replay(script).unwrap();
}

/// The story: everything was synced when the note that says so could not be, which poisons the store.
/// A checkpoint asked for after that answered as if nothing were the matter: all that it had to write
/// down was durable. A poisoned store writes nothing any more, whatever it could.
#[test]
fn a_poisoned_store_makes_no_checkpoint() {
    let script = r#"
        (setup:(seed:665003033822,synced:false,memory_bytes:262144,segment_bytes:98304,snapshot_bytes:16384,keeps_log:true,limits:(open_positions:Some(2),cost:Some(250))),first_cut:0)
        Trouble((fault:Io,call:Some(Sync),within:".wal",first:2,times:3))
        Line((number:76,action:Deed(deeds:[Deposit(Main,(Usd,297))],all_or_nothing:true,way:Ticket(synced:true))))
        Line((number:81,action:Sync))
        Line((number:82,action:Checkpoint))
    "#;
    replay(script).unwrap();
}

/// The story: a begin named a cursor that had moved, lacked money, and its event was let go by the roll
/// back of a forgotten operation. The model rolled that back for the money and answered that the event was
/// too old; the store looks at the cursor before it looks for money, and had nothing to roll back for.
#[test]
fn a_cursor_that_moved_is_refused_before_anything_is_rolled_back() {
    let script = r#"
        (setup:(seed:83071622032,synced:true,memory_bytes:131072,segment_bytes:98304,snapshot_bytes:2097152,keeps_log:true,limits:(open_positions:None,cost:None,claims:((count:None,horizon_micros:Some(1620000000)),(count:None,horizon_micros:None)))),first_cut:0)
        Line((number:12,action:Deed(deeds:[Deposit(Main,(Usd,150)),ImportPosition(new:(owner:Side,coin:No,quote:Usd,tag:0,method:Average),quantity:9,cost:98,opened_at:1699999880000000)],all_or_nothing:false,way:Plain)))
        PowerCut((calls:1,again:39,style:KeepAll,seed:726073324443,trouble:[(fault:Io,call:Some(Open),within:"",first:5,times:2)]))
        Line((number:26,action:Begin(intent:(key:44,task:Open((owner:Main,coin:Bnb,quote:Usd,tag:0,method:Fifo)),holds:[(Usd,54)],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:1,deadline:Some(1700000024000000),max_attempts:2,idempotent:false,claim:Some((0,1,1699998157000000)),cursor:None),again:false,start:false,keep:true)))
        Line((number:27,action:Recovery(Begin)))
        Line((number:29,action:Recovery(Finish)))
        Line((number:31,action:Begin(intent:(key:48,task:Custom(Main),holds:[(Usd,84),(Bnb,2)],reduces:[],increases:[3],opens:[(owner:Main,coin:Yes,quote:Usd,tag:1,method:Fifo)],touches:[],owners:[Side],payload:0,deadline:Some(1700000015000000),max_attempts:1,idempotent:false,claim:Some((0,0,1699997017000000)),cursor:Some((0,Some(0),0))),again:false,start:true,keep:false)))
    "#;
    replay(script).unwrap();
}

/// A mistake of the model: an operation that was rolled back is begun again and takes over its claim, and the
/// model let go of another one for it, which had grown too old. The store lets go where a claim is made or
/// settled.
#[test]
fn a_claim_that_is_taken_over_lets_go_of_none() {
    let script = r#"
        (setup:(seed:809078732572,synced:true,memory_bytes:1048576,segment_bytes:65536,snapshot_bytes:2097152,keeps_log:true,limits:(open_positions:Some(2),cost:Some(250),claims:((count:None,horizon_micros:Some(2280000000)),(count:Some(3),horizon_micros:Some(2580000000))))),first_cut:0)
        Line((number:1,action:Deed(deeds:[Deposit(Main,(Usd,947))],all_or_nothing:true,way:Waiting(synced:false))))
        Line((number:9,action:Deed(deeds:[Deposit(Main,(Bnb,290)),Resume,Halt,Claim(namespace:0,key:3,at:1699998440000000)],all_or_nothing:true,way:Plain)))
        Line((number:10,action:Begin(intent:(key:48,task:Deduct(Main,(Usd,177)),holds:[],reduces:[],increases:[],opens:[],touches:[],owners:[],payload:0,deadline:None,max_attempts:2,idempotent:false,claim:Some((0,4,1699998980000000)),cursor:None),again:false,start:false,keep:true)))
        Line((number:16,action:Reopen(clean:false)))
        Line((number:17,action:Recovery(Begin)))
        Line((number:23,action:Recovery(Next)))
        PowerCut((calls:3,again:34,style:Random,seed:116202900601,trouble:[]))
        Line((number:61,action:Deed(deeds:[ImportPosition(new:(owner:Main,coin:No,quote:Usd,tag:0,method:Average),quantity:16,cost:160,opened_at:1699997390000000)],all_or_nothing:true,way:Ticket(synced:false))))
        Line((number:62,action:Sync))
        Line((number:75,action:SetClock(1700000806000000)))
        Line((number:78,action:Begin(intent:(key:48,task:Deduct(Main,(Usd,177)),holds:[],reduces:[],increases:[],opens:[],touches:[],owners:[],payload:0,deadline:None,max_attempts:3,idempotent:false,claim:Some((0,4,1699998980000000)),cursor:None),again:true,start:false,keep:true)))
    "#;
    highwater::simulation::replay(script).unwrap();
}
