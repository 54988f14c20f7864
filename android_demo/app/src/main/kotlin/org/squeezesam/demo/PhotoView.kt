package org.squeezesam.demo

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.DashPathEffect
import android.graphics.Matrix
import android.graphics.Paint
import android.graphics.Path
import android.graphics.RectF
import android.os.SystemClock
import android.provider.Settings
import android.util.AttributeSet
import android.view.GestureDetector
import android.view.KeyEvent
import android.view.MotionEvent
import android.view.View
import android.view.ViewConfiguration
import android.view.accessibility.AccessibilityNodeInfo
import kotlin.math.hypot
import kotlin.math.max
import kotlin.math.min
import org.squeezesam.segmentation.Box

/** How the selection is drawn. */
enum class Look { OUTLINE, CUT_OUT, ORIGINAL }

/**
 * The photo with its selection. A tap adds, a long press removes, a drag draws a box; with a
 * keyboard the arrows move a pointer, Enter adds and Shift with Enter removes.
 *
 * Drawing never waits for a network: the outline moves with the frames of the display.
 */
class PhotoView @JvmOverloads constructor(context: Context, attributes: AttributeSet? = null) : View(context, attributes) {
    /** What the user does, in photo pixels. */
    interface Listener {
        fun tapped(tap: Tap)

        fun boxed(box: Box)
    }

    var listener: Listener? = null

    var look = Look.OUTLINE
        set(value) {
            field = value
            invalidate()
        }

    private val density = resources.displayMetrics.density
    private val slop = ViewConfiguration.get(context).scaledTouchSlop
    private val moves = Settings.Global.getFloat(context.contentResolver, Settings.Global.ANIMATOR_DURATION_SCALE, 1f) > 0

    private var picture: Bitmap? = null
    private var drawn: Drawn? = null
    private var asked = State()
    private var photoWidth = 1
    private var photoHeight = 1
    private val outline = Path()
    private val screenOutline = Path()
    private val place = Matrix() // from photo pixels to this view
    private val back = Matrix()
    private val shownPlace = Matrix() // from the pixels of the shown bitmap
    private var dragStart: FloatArray? = null
    private var dragEnd: FloatArray? = null
    private var pointer: FloatArray? = null // in photo pixels; of the keyboard

    private val smooth = Paint(Paint.FILTER_BITMAP_FLAG)
    private val faint = Paint(Paint.FILTER_BITMAP_FLAG).apply { alpha = 90 }
    private val dark = stroke(Color.BLACK, 3f)
    private val light = stroke(Color.WHITE, 2f)
    private val tint = Paint().apply { color = Color.argb(70, 11, 110, 79) }
    private val boxPaint = stroke(Color.WHITE, 2f)
    private val dot = Paint(Paint.ANTI_ALIAS_FLAG)

    private fun stroke(colour: Int, width: Float) = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeWidth = width * density
        color = colour
    }

    private val gestures = GestureDetector(
        context,
        object : GestureDetector.SimpleOnGestureListener() {
            override fun onDown(event: MotionEvent) = picture != null

            override fun onSingleTapUp(event: MotionEvent): Boolean {
                tellTap(event, true)
                return true
            }

            override fun onLongPress(event: MotionEvent) {
                if (dragEnd != null) return
                performHapticFeedback(android.view.HapticFeedbackConstants.LONG_PRESS)
                dragStart = null // what follows is no drag
                tellTap(event, false)
            }
        },
    )

    /** Show what an engine holds. */
    fun show(engine: Engine) {
        val photo = engine.photo
        picture = photo?.shown
        photoWidth = photo?.pixels?.width ?: 1
        photoHeight = photo?.pixels?.height ?: 1
        asked = engine.pending ?: engine.selection.state
        if (engine.drawn !== drawn) {
            drawn = engine.drawn
            outline.rewind()
            for (ring in drawn?.outline.orEmpty()) {
                outline.moveTo(ring[0], ring[1])
                for (i in 2 until ring.size step 2) outline.lineTo(ring[i], ring[i + 1])
                outline.close()
            }
        }
        contentDescription = described()
        placePhoto()
        invalidate()
    }

    private fun described(): String {
        if (picture == null) return context.getString(R.string.view_empty)
        val now = drawn ?: return context.getString(R.string.view_photo, photoWidth, photoHeight)
        val share = Math.round(100 * now.share)
        val overlap = Math.round(100 * now.answer.iouPredictions.first())
        return context.getString(R.string.view_selected, photoWidth, photoHeight, share, overlap)
    }

    override fun onSizeChanged(width: Int, height: Int, oldWidth: Int, oldHeight: Int) = placePhoto()

    private fun placePhoto() {
        val shown = picture ?: return
        if (width == 0 || height == 0) return
        val whole = RectF(0f, 0f, width.toFloat(), height.toFloat())
        place.setRectToRect(RectF(0f, 0f, photoWidth.toFloat(), photoHeight.toFloat()), whole, Matrix.ScaleToFit.CENTER)
        shownPlace.setRectToRect(RectF(0f, 0f, shown.width.toFloat(), shown.height.toFloat()), whole, Matrix.ScaleToFit.CENTER)
        place.invert(back)
        outline.transform(place, screenOutline)
    }

    override fun onDraw(canvas: Canvas) {
        val shown = picture ?: return
        val now = drawn
        when {
            look == Look.CUT_OUT && now != null -> {
                canvas.drawBitmap(shown, shownPlace, faint)
                canvas.drawBitmap(now.cutOut, shownPlace, smooth)
            }
            else -> canvas.drawBitmap(shown, shownPlace, smooth)
        }
        if (look == Look.ORIGINAL) return
        if (now != null && look == Look.OUTLINE) {
            canvas.drawPath(screenOutline, tint)
            canvas.drawPath(screenOutline, dark)
            val dash = DASH * density
            val phase = if (moves) SystemClock.uptimeMillis() % PERIOD_MS / PERIOD_MS.toFloat() * 2 * dash else 0f
            light.pathEffect = DashPathEffect(floatArrayOf(dash, dash), -phase)
            canvas.drawPath(screenOutline, light)
            if (moves) postInvalidateOnAnimation()
        }
        for (tap in asked.taps) mark(canvas, tap.x, tap.y, if (tap.positive) ADDED else REMOVED)
        asked.box?.let { drawBox(canvas, mapped(place, it.x0, it.y0), mapped(place, it.x1, it.y1)) }
        val (start, end) = dragStart to dragEnd
        if (start != null && end != null) drawBox(canvas, start, end)
        if (isFocused) pointer?.let { mark(canvas, it[0], it[1], Color.YELLOW) }
    }

    private fun mark(canvas: Canvas, x: Float, y: Float, colour: Int) {
        val (across, down) = mapped(place, x, y).let { it[0] to it[1] }
        dot.color = Color.WHITE
        canvas.drawCircle(across, down, 7 * density, dot)
        dot.color = colour
        canvas.drawCircle(across, down, 5 * density, dot)
    }

    private fun drawBox(canvas: Canvas, one: FloatArray, other: FloatArray) {
        val (left, right) = min(one[0], other[0]) to max(one[0], other[0])
        val (top, bottom) = min(one[1], other[1]) to max(one[1], other[1])
        canvas.drawRect(left, top, right, bottom, dark)
        canvas.drawRect(left, top, right, bottom, boxPaint)
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        if (picture == null) return super.onTouchEvent(event)
        gestures.onTouchEvent(event)
        when (event.actionMasked) {
            MotionEvent.ACTION_DOWN -> dragStart = floatArrayOf(event.x, event.y)
            MotionEvent.ACTION_MOVE -> dragStart?.let { start ->
                if (dragEnd != null || hypot(event.x - start[0], event.y - start[1]) > slop) {
                    dragEnd = floatArrayOf(event.x, event.y)
                    invalidate()
                }
            }
            MotionEvent.ACTION_UP, MotionEvent.ACTION_CANCEL -> {
                val (start, end) = dragStart to dragEnd
                dragStart = null
                dragEnd = null
                if (event.actionMasked == MotionEvent.ACTION_UP && start != null && end != null) tellBox(start, end)
                invalidate()
            }
        }
        return true
    }

    private fun tellBox(start: FloatArray, end: FloatArray) {
        val (one, other) = mapped(back, start[0], start[1]) to mapped(back, end[0], end[1])
        val (left, right) = listOf(one[0], other[0]).map { it.coerceIn(0f, photoWidth.toFloat()) }.sorted()
        val (top, bottom) = listOf(one[1], other[1]).map { it.coerceIn(0f, photoHeight.toFloat()) }.sorted()
        if (right - left >= 1 && bottom - top >= 1) listener?.boxed(Box(left, top, right, bottom))
    }

    private fun tellTap(event: MotionEvent, positive: Boolean) {
        val (x, y) = mapped(back, event.x, event.y).let { it[0] to it[1] }
        // What is beside the photo is no place in it.
        if (x >= 0 && y >= 0 && x < photoWidth && y < photoHeight) listener?.tapped(Tap(x, y, positive))
    }

    override fun onKeyDown(code: Int, event: KeyEvent): Boolean {
        if (picture == null) return super.onKeyDown(code, event)
        val step = max(photoWidth, photoHeight) * (if (event.isShiftPressed) WIDE_STEP else STEP)
        when (code) {
            KeyEvent.KEYCODE_DPAD_LEFT -> movePointer(-step, 0f)
            KeyEvent.KEYCODE_DPAD_RIGHT -> movePointer(step, 0f)
            KeyEvent.KEYCODE_DPAD_UP -> movePointer(0f, -step)
            KeyEvent.KEYCODE_DPAD_DOWN -> movePointer(0f, step)
            KeyEvent.KEYCODE_ENTER, KeyEvent.KEYCODE_DPAD_CENTER -> tellPointer(!event.isShiftPressed)
            else -> return super.onKeyDown(code, event)
        }
        return true
    }

    private fun pointed() = pointer ?: floatArrayOf(photoWidth / 2f, photoHeight / 2f)

    private fun movePointer(across: Float, down: Float) {
        val (x, y) = pointed().let { it[0] to it[1] }
        pointer = floatArrayOf((x + across).coerceIn(0f, photoWidth - 1f), (y + down).coerceIn(0f, photoHeight - 1f))
        invalidate()
    }

    private fun tellPointer(positive: Boolean) {
        pointer = pointed().also { listener?.tapped(Tap(min(it[0], photoWidth - 1f), min(it[1], photoHeight - 1f), positive)) }
    }

    override fun onInitializeAccessibilityNodeInfo(info: AccessibilityNodeInfo) {
        super.onInitializeAccessibilityNodeInfo(info)
        if (picture == null) return
        val actions = listOf(
            AccessibilityNodeInfo.ACTION_CLICK to R.string.action_add,
            AccessibilityNodeInfo.ACTION_LONG_CLICK to R.string.action_remove,
        )
        for ((action, label) in actions) {
            info.addAction(AccessibilityNodeInfo.AccessibilityAction(action, context.getString(label)))
        }
    }

    override fun performAccessibilityAction(action: Int, arguments: android.os.Bundle?): Boolean {
        val adds = action == AccessibilityNodeInfo.ACTION_CLICK
        if (picture == null || !adds && action != AccessibilityNodeInfo.ACTION_LONG_CLICK) {
            return super.performAccessibilityAction(action, arguments)
        }
        tellPointer(adds)
        return true
    }

    private companion object {
        const val DASH = 6f // dp
        const val PERIOD_MS = 600L
        const val STEP = 0.02f
        const val WIDE_STEP = 0.1f
        val ADDED = Color.rgb(11, 110, 79)
        val REMOVED = Color.rgb(179, 38, 30)

        fun mapped(matrix: Matrix, x: Float, y: Float) = floatArrayOf(x, y).also { matrix.mapPoints(it) }
    }
}
