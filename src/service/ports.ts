import type { AllowStore } from '../access/guard/allow_store.ts';
import type { Identity } from '../access/identity.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { PathPlace } from '../base/path_place.ts';
import type { CacheWish } from '../contract/cache_schemas.ts';
import type { ConfigView } from '../contract/config_schemas.ts';
import type {
  AgentUpdateView,
  DiscoverRequest,
  DiscoveryView,
  KeyRotationView,
  UpdateVmRequest,
  VmKeyView,
} from '../contract/machine_schemas.ts';
import type { AddMountRequest, CacheWaitView, MountView } from '../contract/mount_schemas.ts';
import type { AddedNotifierView, AddNotifierRequest, NotifierView } from '../contract/notify_schemas.ts';
import type { PartView } from '../contract/part_schemas.ts';
import type { BatchView, RollBackRequest, RolledBackView } from '../contract/rollback_schemas.ts';
import type {
  AddVmRequest,
  GroupView,
  JobPage,
  JobView,
  ListJobsRequest,
  PairRequest,
  PairView,
  SetVmRequest,
  StartGroupRequest,
  StartJobRequest,
  StatusView,
  UndoJobRequest,
  VmView,
} from '../contract/schemas.ts';
import type { ShareEventView } from '../contract/share_event_schemas.ts';
import type {
  CreatedShareView,
  CreateShareRequest,
  SetShareRequest,
  ShareView,
} from '../contract/share_schemas.ts';
import type { CreateUploadRequest, UploadView } from '../contract/upload_schemas.ts';
import type { MetricFamily } from '../telemetry/family.ts';
import type { ListedFile, ListedPage, ListRequest } from '../tree/listing/folder_page.ts';
import type { Clock } from '../world/clock.ts';
import type { AuditTrail } from './audit_trail.ts';

/* What the procedures work on. The daemon is composed of parts that fit. */

export interface MachinesPort {
  views(): VmView[];
  view(name: string): VmView;
  add(request: AddVmRequest): Promise<VmView>;
  set(name: string, request: SetVmRequest): Promise<VmView>;
  remove(name: string): Promise<void>;
  pair(name: string, request: PairRequest): Promise<PairView>;
}

export interface KeysPort {
  /** Has the agent of a machine change its key. CW_VM_UNKNOWN, CW_VM_OFFLINE, CW_PAIR_FIXED, CW_PAIR_PROOF, CW_DISK_*. */
  rotateVm(name: string): Promise<VmKeyView>;
  /** Changes the key of this host and tells its machines. CW_LIMIT, CW_DISK_*. */
  rotateOwn(): Promise<KeyRotationView>;
}

export interface AgentsPort {
  /** Brings the agent of this host to a machine, over its link. CW_VM_UNKNOWN, CW_VM_OFFLINE, CW_AGENT_*, CW_USAGE. */
  update(name: string, request: UpdateVmRequest): Promise<AgentUpdateView>;
}

export interface DiscoveryPort {
  /** The virtual machines of this host. CW_USAGE. */
  look(request: DiscoverRequest): Promise<DiscoveryView>;
}

export interface JobReads {
  list(request: ListJobsRequest): Promise<JobPage>;
  show(id: string): Promise<JobView>;
  watch(id: string, listener: (view: JobView) => void): () => void;
}

export interface JobChanges {
  /** `id`: eight hex digits for a job that is made; any where absent. */
  start(request: StartJobRequest, id?: string): Promise<JobView>;
  pause(id: string): Promise<JobView>;
  resume(id: string): Promise<JobView>;
  cancel(id: string): Promise<JobView>;
  interrupt(id: string): Promise<JobView>;
  undo(id: string, request: UndoJobRequest): Promise<JobView>;
}

export interface GroupsPort {
  start(request: StartGroupRequest, id?: string): Promise<GroupView>;
  show(id: string): Promise<GroupView>;
}

export interface MountsPort {
  views(): Promise<MountView[]>;
  add(request: AddMountRequest): Promise<MountView>;
  remove(mountpoint: string): Promise<void>;
  /** Waits for what was written in a mount with a write-back cache; true `clean`: until nothing waits. */
  waitFor(mountpoint: string, clean: boolean, waitMs: number): Promise<CacheWaitView>;
  /** Changes what becomes of writes in a mount with a journal, while it works. CW_MOUNT_UNKNOWN, CW_USAGE. */
  setCache(mountpoint: string, wish: CacheWish): Promise<MountView>;
}

/** Reads the changes of a share, one after the other. */
export interface ShareEventReader {
  /** The next one; null where there is none yet. After one of kind `end` nothing comes. */
  next(): ShareEventView | null;
  close(): void;
}

/** What machines have changed in shares, and can be taken back. */
export interface ShareRollbackPort {
  /** CW_SHARE_UNKNOWN, CW_DISK_*. */
  batches(name: string): Promise<BatchView[]>;
  /** CW_SHARE_UNKNOWN, CW_ROLLBACK_*, CW_CACHE_DIRTY, CW_DISK_*. */
  rollBack(name: string, request: RollBackRequest): Promise<RolledBackView>;
}

/** Caches in machines that show shares, as those of {@link MountsPort}. CW_SHARE_UNKNOWN. */
export interface ShareCachePort {
  waitFor(name: string, clean: boolean, waitMs: number): Promise<CacheWaitView>;
  setCache(name: string, wish: CacheWish): Promise<ShareView>;
}

export interface SharesPort extends ShareRollbackPort, ShareCachePort {
  views(): Promise<ShareView[]>;
  view(name: string): Promise<ShareView>;
  create(request: CreateShareRequest): Promise<CreatedShareView>;
  set(name: string, request: SetShareRequest): Promise<CreatedShareView>;
  remove(name: string): Promise<void>;
  /** The shared folder. CW_SHARE_UNKNOWN. */
  sourceOf(name: string): string;
  /** From `since` on; null: from now on. `wake` is called when there is more. CW_SHARE_UNKNOWN, CW_SHARE_EVENTS_GONE, CW_LIMIT. */
  events(name: string, since: number | null, wake: () => void): ShareEventReader;
}

/** A file of an upload as it arrives. */
export interface UploadedFile {
  /** Below the top of the upload. */
  readonly path: string;
  readonly mtimeMs: number | null;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Files that are sent to the daemon to be copied. Each call but `create` is CW_UPLOAD_UNKNOWN for all but its owner. */
export interface UploadsPort {
  /** CW_LIMIT, CW_DISK_FULL where they would not fit. */
  create(owner: string, request: CreateUploadRequest): Promise<UploadView>;
  view(owner: string, id: string): UploadView;
  /** What the rights to it are decided by. */
  targets(owner: string, id: string): Pick<CreateUploadRequest, 'vms' | 'destination'>;
  /** CW_DISK_NAME, CW_DISK_EXISTS, CW_DISK_*, CW_LIMIT, CW_UPLOAD_STATE. */
  addFolders(owner: string, id: string, paths: readonly string[]): Promise<UploadView>;
  /** Resolves once the file is there in whole; where it fails nothing of it is. Errors as of `addFolders`. */
  write(owner: string, id: string, file: UploadedFile): Promise<void>;
  /** CW_UPLOAD_STATE while a copy of it is being started. */
  remove(owner: string, id: string): Promise<void>;
  /** Starts its copy with `work`: it takes nothing more from then on. CW_UPLOAD_STATE where it is not complete. */
  copy<T>(owner: string, id: string, sources: readonly string[], work: () => Promise<T>): Promise<T>;
}

export interface SettingsPort {
  view(): ConfigView;
  /** One setting, in the config file; null takes it out. CW_CONFIG, CW_LIMIT, CW_DISK_*. */
  set(name: string, value: string | null): Promise<ConfigView>;
  /** Reads the config file again. CW_CONFIG, and then all stays as it is. */
  reload(): Promise<ConfigView>;
}

/** The files of the host. */
export interface FilesPort {
  readonly home: string;
  placeOf(path: string): Promise<PathPlace>;
  /** CW_DISK_*, CW_ACCESS_DENIED where the path leads elsewhere by now. */
  list(path: string, request: ListRequest): Promise<ListedPage>;
}

export interface VmListRequest extends Omit<ListRequest, 'chain'> {
  /** Also where links lead. */
  readonly places: boolean;
}

export interface ListedVmPage extends Omit<ListedPage, 'entries'> {
  /** Where the folder really is. */
  readonly place: PathPlace;
  /** Places of links only, where they were asked for. */
  readonly entries: readonly (ListedFile & { readonly place: PathPlace })[];
}

/** The files of machines. CW_VM_UNKNOWN, CW_VM_OFFLINE, CW_UNSUPPORTED where the agent is too old to tell. */
export interface VmFilesPort {
  /** Where plain paths lead at this moment; null where the machine cannot be asked. */
  placesOf(vm: string, paths: readonly string[]): Promise<readonly PathPlace[] | null>;
  /** The home folder of the agent. */
  home(vm: string): Promise<string>;
  /** CW_DISK_*. */
  list(vm: string, path: string, request: VmListRequest): Promise<ListedVmPage>;
}

export interface DaemonPort {
  status(): Promise<StatusView>;
  requestStop(): void;
  parts(): PartView[];
  /** Why it takes no work now; null where it does. */
  unready(): Promise<string | null>;
  /** Where the console is, without a slash at its end; null where none is served. */
  consoleUrl(): string | null;
}

/** An answer of the API that was sent. */
export interface ApiAnswer {
  readonly transport: 'local' | 'https';
  /** The name in the contract; `other` for what is none. */
  readonly procedure: string;
  readonly status: number;
  /** Null where it says nothing, as of a stream. */
  readonly durationMs: number | null;
}

export interface MetricsPort {
  families(): Promise<MetricFamily[]>;
  answered(answer: ApiAnswer): void;
  /** Null: somebody signed in; else why not. */
  signedIn(code: ErrorCode | null): void;
  auditChecked(isSound: boolean): void;
}

/** Whose call, and its key. */
export interface AnswerPlace {
  readonly owner: string;
  readonly key: string;
}

export interface ReservedCall {
  readonly fingerprint: string;
  /** Hex digits for the id of what the call makes, so that a repeat finds it. */
  readonly reserved: string;
}

export interface KeptCall extends ReservedCall {
  /** JSON; null where none was kept. */
  readonly answer: string | null;
}

/** Calls that are done once. All is durable when it resolves. CW_DISK_*. */
export interface AnswerStore {
  find(place: AnswerPlace): Promise<KeptCall | null>;
  reserve(place: AnswerPlace, call: ReservedCall): Promise<void>;
  keep(place: AnswerPlace, answer: string): Promise<void>;
  forget(place: AnswerPlace): Promise<void>;
}

export interface NotifiersPort {
  views(): NotifierView[];
  add(request: AddNotifierRequest): Promise<AddedNotifierView>;
  remove(name: string): Promise<void>;
  test(name: string): Promise<NotifierView>;
}

/** All that the procedures need. */
export interface ServiceParts {
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs' | 'sleep'>;
  readonly identity: Identity;
  readonly allow: AllowStore;
  readonly trail: AuditTrail;
  readonly machines: MachinesPort;
  readonly agents: AgentsPort;
  readonly keys: KeysPort;
  readonly discovery: DiscoveryPort;
  readonly jobs: JobReads & JobChanges;
  readonly groups: GroupsPort;
  readonly mounts: MountsPort;
  readonly shares: SharesPort;
  readonly daemon: DaemonPort;
  readonly metrics: MetricsPort;
  readonly settings: SettingsPort;
  readonly notifiers: NotifiersPort;
  readonly files: FilesPort;
  readonly vmFiles: VmFilesPort;
  readonly uploads: UploadsPort;
}
