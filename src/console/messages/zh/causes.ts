import type { Messages } from '../en/index.ts';

export const causes: Messages['causes'] = {
  'machine-paused': {
    cause: '链路已断；虚拟机被暂停，或其代理程序没有运行',
    evidence: '{silent} 没有收到任何数据；{local}上的通道仍然打开',
    fix: '恢复虚拟机（virsh resume 或虚拟机管理程序的控制台）；如果它在运行，请在其中启动代理程序',
  },
  'agent-down': {
    cause: '链路已断；虚拟机在运行，但其代理程序没有运行',
    evidence: '{silent} 没有收到任何数据；虚拟机自身拒绝了连接',
    fix: '在虚拟机中启动代理程序：causeway-agent run；复制会自行继续',
  },
  'peer-stopped': {
    cause: '链路已断；虚拟机接受连接，但代理程序没有回应：代理程序被停住，或中间有东西挡住了一切',
    evidence: '{silent} 没有收到任何数据；新的连接被接受，但没有回应',
    fix: '查看虚拟机中的代理程序：若被停住（ps 中状态为 T）请用 kill -CONT 继续，否则重新启动它',
  },
  'link-cut': {
    cause: '链路已断；中间的网络断开，或虚拟机被暂停或关机',
    evidence: '{silent} 没有收到任何数据',
    fix: '从本机 ping 虚拟机：没有回应时检查网络以及虚拟机是否在运行；复制会自行继续',
  },
  'memory-pressure': {
    cause: '{side}内存不足：进程在等待内存页释放或读回',
    evidence: '最近 {window} 中有 {memory} 的时间在等待内存；{stage}占用 {busy}',
    fix: '给{side}更多内存，或停止占用内存的程序（ps --sort=-rss）',
  },
  'source-frozen': {
    cause: '{side}上对源文件的一次读取迟迟没有返回',
    evidence: '{quiet} 没有移动任何字节；停在内核中（状态 D）的线程：{threads}',
    fix: '检查存放源文件的磁盘（dmesg、iostat）；如果那是网络共享，它可能已失联',
  },
  'destination-frozen': {
    cause: '{side}上对目的地的一次操作迟迟没有返回',
    evidence: '{quiet} 没有移动任何字节；停在内核中（状态 D）的线程：{threads}',
    fix: '检查目的地的磁盘（dmesg、iostat）；文件系统可能被冻结（fsfreeze -u 可解冻）或回写受阻',
  },
  'peer-silent': {
    cause: '链路正常，但另一端一段时间没有任何回应',
    evidence: '{quiet} 没有移动任何字节；链路的心跳有回应',
    fix: '检查{side}的负载（top）：代理程序得不到运行时间',
  },
  'link-stuck': {
    cause: '字节交给了链路，却没有到达',
    evidence: '{quiet} 没有移动任何字节；两端都有回应',
    fix: '检查两端之间的通道：窗口、丢包、中间的代理或防火墙',
  },
  'disk-full': {
    cause: '目的地已满',
    evidence: '目的地剩余 {free}，还需写入 {left}',
    fix: '在目的地腾出空间（df、du），或复制到别处；相同的命令会从停下的地方继续',
  },
  'disk-filling': {
    cause: '目的地会在复制完成之前写满：有其他程序在占用空间',
    evidence: '目的地剩余 {free}，还需写入 {left}',
    fix: '现在就在目的地腾出空间（df、du），复制不必停下',
  },
  'rate-limit': {
    cause: '复制已达到设定的限速',
    evidence: '最近 {window} 中有 {busy} 的时间在等待限速；{rate}',
    fix: '提高或取消复制或守护进程的限速（--limit）；与其他复制并行时，提高份额',
  },
  'cpu-contended': {
    cause: '{side}上的其他工作占用了复制所需的处理器',
    evidence: '最近 {window} 中有 {cpu} 的时间在等待处理器；复制得到 {got}，需要 {wanted}',
    fix: '停止或放慢{side}上的其他工作（top），或给它更多处理器',
  },
  'cpu-full': {
    cause: '{side}的处理器已全部占用：{stage}等待的是处理器，而不是磁盘',
    evidence: '最近 {window} 中复制的线程有 {queued} 的时间在等待处理器；{stage}占用 {busy}；磁盘压力 {io}',
    fix: '停止或放慢{side}上的其他工作（top），或给它更多处理器',
  },
  'hash-bound': {
    cause: '计算校验和用时最长：{side}已尽全力计算',
    evidence: '最近 {window} 中计算校验和占用 {busy}；{rate}',
    fix: '给{side}更多或更快的处理器',
  },
  'compress-bound': {
    cause: '压缩用时最长：链路能承载的比{side}压缩得出的更多',
    evidence: '最近 {window} 中压缩占用 {busy}；{rate}',
    fix: '不压缩地复制，或给{side}更多处理器',
  },
  'decompress-bound': {
    cause: '解压用时最长：链路送来的比{side}解压得出的更多',
    evidence: '最近 {window} 中解压占用 {busy}；{rate}',
    fix: '不压缩地复制，或给{side}更多处理器',
  },
  'encrypt-bound': {
    cause: '加密和收发占满了{side}的一个处理器',
    evidence: '最近 {window} 中主线程占用 {busy}，其中 {send} 用于加密和发送；{rate}',
    fix: '确认{side}的处理器支持 AES 指令（虚拟机的 CPU 型号设为 host）；通道本身已安全时，可不加密',
  },
  'source-slow': {
    cause: '读取源文件用时最长：{side}上的磁盘较慢',
    evidence: '最近 {window} 中读取源文件占用 {busy}；{rate}；磁盘压力 {io}',
    fix: '查看还有什么在使用该磁盘（iostat -x、iotop）；换用更快的磁盘或缓存',
  },
  'destination-read-slow': {
    cause: '读取目的地已有的内容用时最长：{side}上的磁盘读取比链路更慢',
    evidence: '最近 {window} 中读取已有内容占用 {busy}；{rate}；磁盘压力 {io}',
    fix: '用 --whole-file 复制：不再比较，改动的文件整个传输',
  },
  'destination-slow': {
    cause: '写入用时最长：{side}上目的地的磁盘较慢',
    evidence: '最近 {window} 中写入占用 {busy}；{rate}；磁盘压力 {io}',
    fix: '查看还有什么在使用该磁盘（iostat -x、iotop）；换用更快的磁盘',
  },
  'flush-slow': {
    cause: '落盘用时最长：{side}上目的地的磁盘安全写入较慢',
    evidence: '最近 {window} 中落盘占用 {busy}；{rate}；磁盘压力 {io}',
    fix: '检查该磁盘的缓存模式（虚拟机磁盘的 cache=writethrough、网络卷、没有安全缓存的磁盘）',
  },
  'verify-slow': {
    cause: '回读校验用时最长：{side}上目的地的磁盘读取较慢',
    evidence: '最近 {window} 中回读校验占用 {busy}；{rate}；磁盘压力 {io}',
    fix: '查看还有什么在读取该磁盘（iostat -x、iotop）',
  },
  'publish-slow': {
    cause: '将文件放到位用时最长：{side}上目的地的文件系统处理名称较慢',
    evidence: '最近 {window} 中放到位占用 {busy}；磁盘压力 {io}',
    fix: '检查该文件系统的日志（较慢或位于远程的日志使每次目录落盘都变慢）',
  },
  'link-lossy': {
    cause: '链路丢包：需要重发，一切都因此变慢',
    evidence: '{resent} 的报文段被重发；往返时间 {trip}；{rate}',
    fix: '检查中间的网络（两端的 ip -s link：错误、丢弃；双工与 MTU）',
  },
  'window-clamped': {
    cause: '链路每个往返只传一个窗口：对这条线路来说窗口太小',
    evidence: '窗口 {size}、往返时间 {trip} 只能达到 {rate}；有 {limited} 的时间发送方被窗口挡住',
    fix: '增大接收端的接收缓冲区（sysctl net.ipv4.tcp_rmem，或中间代理的缓冲区）',
  },
  'link-slow': {
    cause: '链路已达极限',
    evidence: '最近 {window} 中链路占用 {busy}；{rate}；往返时间 {trip}',
    fix: '换用更快的通道：用 virtio 网络或 vsock 代替串口，或更快的网络',
  },
};
